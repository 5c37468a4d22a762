"""``python -m quantize.compare``: our int8 beside what the usual tools make, in one run.

Same network, same calibration and evaluation images; latencies are taken in turns.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.command_line import command, options, progress, starting
from models.command_line.columns import aligned
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from quantize.evaluate import latency
from quantize.evaluate.output_comparison import compare, predictions
from quantize.evaluate.outputs import outputs as outputs_of
from quantize.graph.graph import Graph
from quantize.methods import search
from quantize.methods.inputs import EVALUATION_IMAGES, Inputs, prepare
from quantize.schemes.quantizer import silently

IMAGES = 400
ROUNDS = 40


@dataclass(frozen=True)
class Row:
    """One tool's int8 against the float graph. ``latency_ratio``: stock converter = 1.

    ``top1``: share in [0, 1] of right predictions; None where labels are not known. Random
    weights say nothing about accuracy: there all figures but the latency and the seconds are None.
    """

    tool: str
    top1: float | None
    top1_agreement: float | None
    sqnr_db: float | None
    latency_ratio: float
    seconds: float


def rows(asked: Options) -> Iterator[Row]:
    """A row for float32 and for each tool's int8."""
    with progress.step("compare") as now, scratch_folder() as scratch:
        inputs = prepare(asked, scratch, IMAGES, now)
        graphs, seconds = {"float32": inputs.graph}, {"float32": 0.0}
        for tool, make in _tools(inputs, asked.threads).items():
            now(tool)
            start = time.perf_counter()
            graphs[tool] = make()
            seconds[tool] = time.perf_counter() - start
        now("evaluating")
        found = {t: outputs_of(g, inputs.evaluation, asked.threads) for t, g in graphs.items()}
        now("timing in turns")
        latencies = latency.in_turns(graphs, asked.threads, ROUNDS)
    kind = inputs.network.output_kind
    for tool, outputs in found.items():
        fidelity = compare(found["float32"], outputs, kind, inputs.network.outputs)
        right = None
        if inputs.labels is not None:
            right = float(np.mean(predictions(outputs, kind) == inputs.labels))
        yield Row(
            tool=tool,
            top1=right,
            top1_agreement=fidelity.top1_agreement if inputs.learned else None,
            sqnr_db=fidelity.sqnr_db if inputs.learned else None,
            latency_ratio=latencies[tool].median_s / latencies["TFLite converter"].median_s,
            seconds=seconds[tool],
        )


def _tools(inputs: Inputs, threads: int) -> dict[str, Callable[[], Graph]]:
    """The functions that make int8 of the inputs, by the name of the tool."""
    return {
        "TFLite converter": lambda: by_tensorflow(inputs),
        "litert-quantizer": lambda: by_litert_quantizer(inputs.graph, inputs.calibration),
        "ours": lambda: _ours(inputs, threads),
    }


def by_tensorflow(inputs: Inputs) -> Graph:
    from models.keras_files import float_graph

    size, function = inputs.network.size, inputs.network.model.function
    if function is None:
        raise RequestError(
            "MODEL is a .tflite file, which TensorFlow's converter does not read; expected a Keras "
            "or .onnx model to compare its int8 with ours"
        )
    return Graph(
        float_graph.convert_int8(
            function, size.height, size.width, size.channels, inputs.calibration
        )
    )


def _ours(inputs: Inputs, threads: int) -> Graph:
    some = inputs.evaluation[:: max(1, len(inputs.evaluation) // EVALUATION_IMAGES)]
    return search.search_for(replace(inputs, evaluation=some), threads).int8_graph


def by_litert_quantizer(graph: Graph, images: np.ndarray) -> Graph:
    """Its static int8 recipe with its own calibration."""
    from litert_quantizer import quantizer, recipe

    engine = quantizer.Quantizer(bytearray(graph.content), recipe.static_wi8_ai8())
    fed = {"serving_default": [{graph.inputs[0]: image[None]} for image in images]}
    made = silently(lambda: engine.quantize(engine.calibrate(fed)))
    return Graph(bytes(made.quantized_model))


def text(found: list[Row]) -> str:
    """The rows as a table a person reads."""
    rows = [("int8 by", "top-1", "agreement", "SQNR dB", "latency", "s")]
    for row in found:
        exact = row.sqnr_db is None and row.top1_agreement is not None
        sqnr = "exact" if exact else _shown(row.sqnr_db, ".1f")
        shares = (_shown(row.top1, ".2%"), _shown(row.top1_agreement, ".2%"))
        rows.append((row.tool, *shares, sqnr, f"{row.latency_ratio:.2f}", f"{row.seconds:.1f}"))
    return aligned(rows, range(1, 6))


def _shown(figure: float | None, form: str) -> str:
    return "n/a" if figure is None else format(figure, form)


def main(argv: Sequence[str]) -> int:
    """Print the comparison; the exit code."""
    parser = options.parser("python -m quantize.compare", __doc__)
    return command.exit_code(lambda: command.print_rows(parser, argv, _compared), "interrupted")


def _compared(namespace) -> tuple[list[Row], str]:
    found = list(rows(options.from_namespace(namespace)))
    return found, text(found)


if __name__ == "__main__":
    sys.exit(starting.run(main))
