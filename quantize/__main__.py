"""``mobilenet-quantize``, the command of ``make quantize``: the calibration report."""

import sys
from collections.abc import Sequence
from pathlib import Path

from models.command_line import command, options, progress
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from quantize.report import calibration_report, picture


def calibrate(asked: Options, observer: str | None) -> tuple[str, list[calibration_report.Row]]:
    """The title and the rows of the report; draws the histograms.

    The int8 form is the one that an export ends at or, with an ``observer``, the plain one of its
    ranges.
    """
    from quantize.graph import layer_names
    from quantize.methods import search
    from quantize.methods.inputs import EVALUATION_IMAGES, prepare
    from quantize.methods.methods import Calibration, Stage
    from quantize.passes.hard_swish import lower
    from quantize.ranges.choose_scale import check_observer, choose_ranges

    if observer is not None:
        check_observer(observer)
    with progress.step("calibrate") as now, scratch_folder() as scratch:
        inputs = prepare(asked, scratch, EVALUATION_IMAGES, now)
        if observer is None:
            found = search.search_for(inputs, asked.threads, now)
            stage, how = found.stage, f"int8 by {found.chosen.method}"
        else:
            now("running the calibration images")
            calibration = Calibration(inputs.calibration, asked.threads, now)
            graph = lower(inputs.graph)
            kept = layer_names.find(inputs.graph, inputs.plan.keep_float)
            stage = Stage(graph, calibration.statistics(graph), graph, kept_float=kept)
            stage = stage.quantized(choose_ranges(graph, stage.statistics, observer))
            how = f"int8 with {observer} ranges"
        rows = list(
            calibration_report.rows(stage.graph, stage.int8_graph, stage.statistics, stage.ranges)
        )
        target = Path("results") / f"{inputs.model_id}-calibration.svg"
        target.parent.mkdir(exist_ok=True)
        target.write_text(picture.svg(inputs.model_id, rows, stage.statistics))
        seen = len(inputs.calibration)
    seen = f"{seen} images of {inputs.calibrated_on}"
    title = f"{inputs.model_id}: {how}, on {seen}; histograms in {target}"
    return title, rows


def main(argv: Sequence[str]) -> int:
    """Print the calibration report; the exit code."""
    parser = options.parser("make quantize", "The calibration report.")
    parser.add_argument(
        "--observer", help="show the ranges of this one instead of those an export ends at"
    )
    return command.exit_code(lambda: command.print_rows(parser, argv, _reported), "interrupted")


def _reported(namespace) -> tuple[list[calibration_report.Row], str]:
    title, found = calibrate(options.from_namespace(namespace), namespace.observer)
    return found, calibration_report.text(title, found)


def script() -> int:
    """The ``mobilenet-quantize`` command."""
    command.end_as_by_ctrl_c()
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(script())
