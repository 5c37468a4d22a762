"""Sustained performance: minutes of inferring without a pause, minute 1 against the last."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.console.output import Output
from bench.console.warning_lines import summed_up
from bench.devices.device import batteries
from bench.engine.session import DeviceRun, on_each
from bench.engine.variant import Variant
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.minutes import Minute, minutes
from bench.measurement.record import Record, now_utc
from bench.measurement.result import Result
from models.command_line.columns import aligned
from models.command_line.progress import step

HEADING = ("minute", "median ms", "n", "°C", "MHz")


def run_sustained(
    runs: Sequence[DeviceRun], history: History, output: Output
) -> dict[str, list[Record]]:
    """The rows of each device by its name: each variant by itself, one after the other, on all
    devices at the same time; in the history as each is finished."""
    several = len(runs) > 1
    output.say(_announced(runs))
    rows: dict[str, list[Record]] = {run.device.name: [] for run in runs}
    with on_each(runs, _results) as found:
        for run, (variant, started, result) in found:
            name = run.device.name
            record = run.record("sustained", variant, result, started)
            rows[name].append(replace(record, id=history.append(record)))
            title = f"{variant.title} on {name}" if several else variant.title
            output.say("", *_lines(title, rows[name][-1]))
    output.give(rows=[_as_dict(row) for of_device in rows.values() for row in of_device])
    for name, of_device in rows.items():
        prefix = f"{name}: " if several else ""
        output.say(*(prefix + line for line in summed_up(of_device)))
    return rows


def _announced(runs: Sequence[DeviceRun]) -> str:
    """The duration, which differs where devices have different rows."""
    each = runs[0].session.measure.sustained
    counts = {run.device.name: len(run.variants) for run in runs}
    if len(counts) == 1:
        (count,) = counts.values()
        return f"{count} x {each:g} minutes, one after the other"
    if len(set(counts.values())) == 1:
        count = len(runs[0].variants)
        return f"{count} x {each:g} minutes, one after the other, on each device"
    of_each = ", ".join(f"{count} on {name}" for name, count in counts.items())
    return f"{of_each} x {each:g} minutes, one after the other on each device"


def _results(run: DeviceRun) -> Iterator[tuple[Variant, str, Result]]:
    for variant in run.variants:
        started = now_utc()
        with step(f"{run.device.name}: {variant.title}") as show:
            show(f"for {run.session.measure.sustained:g} minutes")
            before = batteries(run.device)
            found = run.result_of(run.job(variant))
            after = () if found.error else batteries(run.device)
        yield variant, started, replace(found, batteries=(*before, *after))


def _lines(name: str, record: Record) -> Iterator[str]:
    found = minutes(record.result)
    if not found:
        yield f"{name}: error: {record.result.error}"
        return
    first, last = found[0], found[-1]
    yield (
        f"{name}: minute {first.number} {first.median_ns / 1e6:.2f} ms, minute {last.number} "
        f"{last.median_ns / 1e6:.2f} ms: {last.median_ns / first.median_ns:.2f} times"
    )
    rows = [HEADING, *map(_cells, found)]
    shown = [n for n in range(len(HEADING)) if any(row[n] for row in rows[1:])]
    yield aligned([[row[n] for n in shown] for row in rows], range(len(shown)), indent="  ")


def _cells(minute: Minute) -> tuple[str, ...]:
    return (
        str(minute.number),
        f"{minute.median_ns / 1e6:.2f}",
        str(minute.samples),
        "" if minute.temperature_c is None else f"{minute.temperature_c:.1f}",
        "" if minute.lowest_khz is None else f"{minute.lowest_khz / 1000:.0f}",
    )


def _as_dict(record: Record) -> dict:
    found = minutes(record.result)
    return {
        **flat_record.as_json(record),
        "last_over_first": found[-1].median_ns / found[0].median_ns if found else None,
        "minutes": [
            {
                "minute": minute.number,
                "median_ms": minute.median_ns / 1e6,
                "samples": minute.samples,
                "temperature_c": minute.temperature_c,
                "lowest_khz": minute.lowest_khz,
            }
            for minute in found
        ],
    }
