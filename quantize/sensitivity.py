"""``python -m quantize.sensitivity``: the cost of int8, layer by layer.

Which layers to leave float (``KEEP_FLOAT``) where int8 does not come close enough to the network.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.command_line import command, options, progress, starting
from models.command_line.columns import aligned
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from models.networks import demo
from models.networks.output_tensor import OutputTensor
from models.source import resolve
from quantize.evaluate import swap_precision
from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.graph.layer_names import layer_names
from quantize.methods import search
from quantize.methods.inputs import EVALUATION_IMAGES, prepare
from quantize.methods.plan import has_random_weights
from quantize.methods.search import SearchResult

IMAGES = 64  # images that every layer is looked at on


@dataclass(frozen=True)
class Row:
    """One layer with weights; figures are the SQNR of the network's outputs in dB.

    ``alone_db``: this layer is int8, weights and output, and all others float. ``left_float_db``:
    this layer is float and all others int8. ``gain_db``: by how much that beats every layer int8.
    A figure is None where there is no noise at all.
    """

    layer: str
    kind: str
    alone_db: float | None
    left_float_db: float | None
    gain_db: float | None


def rows(
    graph: Graph,
    int8_graph: Graph,
    images: np.ndarray,
    output_kind: str,
    threads: int,
    bias_corrected: bool,
    done: Callable[[int], None] = lambda layers: None,
    tensors: Sequence[OutputTensor] = (),
) -> list[Row]:
    """A row for each layer that is int8 in ``int8_graph``, the one that alone does worst first.

    ``graph`` is its float form, which the outputs are compared with. ``images``: preprocessed
    float32 [n, h, w, c]. ``bias_corrected``: so are the biases of ``int8_graph``. ``done`` is
    told how many times a layer was looked at: twice each. ``tensors``: the outputs where there are
    several; the worst of them counts.
    """
    wanted = outputs(graph, images, threads)
    kinds = {made[0]: kind for kind, _, made in graph.operators()}
    names = {tensor: name for name, tensor in layer_names(graph).items()}

    def decibels(found: np.ndarray) -> float | None:
        return compare(wanted, found, output_kind, tensors).sqnr_db

    whole, left, alone = decibels(outputs(int8_graph, images, threads)), {}, {}
    for name, found in swap_precision.left_float(graph, int8_graph, images, threads):
        left[name] = decibels(found)
        done(len(left))
    for name, found in swap_precision.alone_int8(
        graph, int8_graph, images, threads, bias_corrected
    ):
        alone[name] = decibels(found)
        done(len(left) + len(alone))
    made = [
        Row(names[n], kinds[n], alone[n], db, None if None in (db, whole) else db - whole)
        for n, db in left.items()
    ]
    return sorted(made, key=lambda row: np.inf if row.alone_db is None else row.alone_db)


def analyse(asked: Options) -> tuple[str, list[Row]]:
    """The title and rows for the int8 form that an export of ``asked`` has; RequestError else."""
    if has_random_weights(resolve(asked)):
        raise RequestError(
            "WEIGHTS is random, and the sensitivity of an untrained network is "
            "meaningless; expected trained weights: use WEIGHTS=path of a Keras weights file, or "
            f"an ARCH with a demo checkpoint: {' '.join(demo.SPECS)}"
        )
    with progress.step("sensitivity") as now, scratch_folder() as scratch:
        inputs = prepare(asked, scratch, EVALUATION_IMAGES, now)
        now("making int8")
        found = search.search_for(inputs, asked.threads, now)
        layers = len(layer_names(inputs.graph))
        looked_at = inputs.evaluation[:: max(1, len(inputs.evaluation) // IMAGES)]
        layer_rows = rows(
            found.graph,
            found.int8_graph,
            looked_at,
            inputs.network.output_kind,
            asked.threads,
            found.chosen.method != "min-max",
            lambda done: now("layer after layer, float alone and int8 alone,", done, 2 * layers),
            inputs.network.outputs,
        )
    return _title(found, len(looked_at), layers), layer_rows


def _title(found: SearchResult, images: int, layers: int) -> str:
    sqnr_db = found.chosen.sqnr_db
    whole = "exact" if sqnr_db is None else f"{sqnr_db:.1f} dB"
    kept = found.chosen.float_layers
    without = f", {', '.join(kept)} left float" if kept else ""
    return f"{layers} layers on {images} images; int8 by {found.chosen.method}{without}: {whole}"


def text(title: str, found: list[Row]) -> str:
    """The rows as a table a person reads."""
    rows = [("layer", "operator", "int8 alone", "left float", "gain")]
    for row in found:
        alone, left = (_shown(db, ".1f") for db in (row.alone_db, row.left_float_db))
        rows.append((row.layer, row.kind, alone, left, _shown(row.gain_db, "+.1f")))
    return "\n".join([title, "SQNR of the outputs in dB", "", aligned(rows, (2, 3, 4))])


def _shown(decibels: float | None, form: str) -> str:
    return "exact" if decibels is None else format(decibels, form)


def main(argv: Sequence[str]) -> int:
    """Print the sensitivity of each layer; the exit code."""
    parser = options.parser("python -m quantize.sensitivity", __doc__)
    return command.exit_code(lambda: command.print_rows(parser, argv, _analysed), "interrupted")


def _analysed(namespace) -> tuple[list[Row], str]:
    title, found = analyse(options.from_namespace(namespace))
    return found, text(title, found)


if __name__ == "__main__":
    sys.exit(starting.run(main))
