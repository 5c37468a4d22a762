"""``python -m quantize``: what ``make quantize`` runs."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from models import chatter, command, options, progress
from models.dataset import open_dataset
from models.options import Options
from quantize import picture, report


def calibrate(asked: Options, observer: str) -> tuple[str, list[report.Row]]:
    """What was calibrated on what, and the rows of the report; draws the histograms."""
    from models import float_graph
    from models.reference import preprocessed
    from models.source import resolve
    from quantize import hard_swish, layer_names, ranges
    from quantize.calibration import calibrate as observe
    from quantize.graph import Graph
    from quantize.int8 import quantize

    with progress.step("calibrate") as now:
        source = resolve(asked)
        now("loading the network")
        network = source.load()
        images = open_dataset(asked.calib, "CALIB", network.size, None, asked.skip_corrupt)
        chosen = images.spread(asked.n_calib)
        now("converting to the float graph")
        content = float_graph.convert(
            network.keras_model, network.size.height, network.size.width, network.size.channels
        )
        graph = Graph(content).named("image", network.output_name)
        kept = layer_names.find(graph, layer_names.typed(asked.keep_float))
        graph = hard_swish.lower(graph)
        now("running the calibration images")
        stream = (
            preprocessed(pixels, network.preprocess)[None] for _, pixels in images.images(chosen)
        )
        statistics = observe(graph, stream, asked.threads)
        found = ranges.choose(graph, statistics, observer)
        rows = list(report.rows(graph, quantize(graph, found, kept), statistics, found))
        target = Path("results") / f"{source.model_id}-calibration.svg"
        target.parent.mkdir(exist_ok=True)
        target.write_text(picture.svg(source.model_id, rows, statistics))
    title = (
        f"{source.model_id}: {observer} ranges on {len(chosen) - len(images.skipped)} images "
        f"of {images.name}; histograms in {target}"
    )
    return title, rows


def main(argv: Sequence[str]) -> int:
    """Print the calibration report; the exit code."""
    return command.exit_code(lambda: _report(argv), "interrupted")


def _report(argv: Sequence[str]) -> None:
    parser = options.parser("make quantize", "The calibration report.")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--observer", default="min-max", help="how ranges are chosen")
    namespace = parser.parse_args(argv)
    with chatter.held_back():
        title, found = calibrate(options.from_namespace(namespace), namespace.observer)
    if namespace.json:
        print(json.dumps([asdict(row) for row in found], indent=2))
    else:
        print(report.text(title, found), end="")


if __name__ == "__main__":
    command.end_as_by_ctrl_c()
    sys.exit(main(sys.argv[1:]))
