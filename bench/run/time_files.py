"""Every variant timed in turns, on every device at the same time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from bench.console import record_table
from bench.console.output import Output
from bench.console.warning_lines import summed_up
from bench.engine.session import DEVICE_FAILED, DeviceRun, on_each
from bench.engine.turns import in_turns
from bench.engine.variant import Variant
from bench.history.history import History
from bench.measurement.record import Record, now_utc
from bench.measurement.result import Result
from models.command_line.errors import DeviceError
from models.command_line.progress import step


def timed(runs: Sequence[DeviceRun], history: History, output: Output) -> dict[str, list[Record]]:
    """The rows of each device by its name, those of one in the history as soon as it is done."""
    started, rows = now_utc(), {}
    with on_each(runs, partial(_results, is_alone=len(runs) == 1)) as found:
        for run, results in found:
            measured = [
                run.record("run", variant, result, started) for variant, result in results.items()
            ]
            try:
                rows[run.device.name] = _recorded(measured, history)
            finally:  # what was measured is shown, even where it cannot be kept
                _say(run, measured, output)
    return {run.device.name: rows[run.device.name] for run in runs}


def base(rows: Sequence[Record]) -> Record | None:
    """The row of one device that its others are compared with: the first float32 file, else the
    first row."""
    ran = [row for row in rows if row.result.samples_ns]
    return next((row for row in ran if row.scheme == "float32"), ran[0] if ran else None)


def _results(run: DeviceRun, is_alone: bool) -> Iterator[dict[Variant, Result]]:
    jobs = {variant: run.job(variant) for variant in run.variants}
    with step("timing" if is_alone else run.device.name) as show:
        try:
            found = in_turns(run.device, jobs, show)
        except DeviceError as error:
            failed = partial(Result.failed, kind=DEVICE_FAILED, message=str(error))
            found = {variant: failed(job) for variant, job in jobs.items()}
    yield found


def _recorded(measured: Sequence[Record], history: History) -> list[Record]:
    return [replace(record, id=history.append(record)) for record in measured]


def _say(run: DeviceRun, rows: Sequence[Record], output: Output) -> None:
    of = base(rows)
    title = [run.title] if run.title else []
    table = record_table.latency_lines(rows, of, output.wide)
    output.say("", *title, *table, *summed_up(rows))
