"""The calibration report: the command of ``make quantize``."""

from collections.abc import Sequence
from pathlib import Path

from models.command_line import command, options, progress, writable
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from models.command_line.storable import encoded
from quantize.report import calibration_report, picture

RESULTS = Path("results")


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
    _check_writable()
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
        RESULTS.mkdir(exist_ok=True)
        target = RESULTS / f"{inputs.model_id}-calibration.svg"
        writable.write(target, encoded(picture.svg(inputs.model_id, rows, stage.statistics)))
        seen = len(inputs.calibration)
    seen = f"{seen} images of {inputs.calibrated_on}"
    title = f"{inputs.model_id}: {how}, on {seen}; histograms in {target}"
    return title, rows


def _check_writable() -> None:
    """RequestError, ahead of minutes of work, where its picture cannot be kept."""
    fault = writable.fault_of_made_folder(RESULTS)
    if fault:
        raise RequestError(
            f"the histograms cannot be written to {RESULTS} ({fault}); make it a folder that can "
            "be written to, or run this in another folder"
        )


def main(argv: Sequence[str]) -> int:
    """Print the calibration report; the exit code."""
    return command.exit_code(lambda: _calibrate(argv), "interrupted")


def _calibrate(argv: Sequence[str]) -> None:
    parser = options.parser("make quantize", "The calibration report.")
    parser.add_argument(
        "--observer", help="show the ranges of this one instead of those an export ends at"
    )
    command.print_rows(parser, argv, _reported)


def _reported(namespace) -> tuple[list[calibration_report.Row], str]:
    title, found = calibrate(options.from_namespace(namespace), namespace.observer)
    return found, calibration_report.text(title, found)
