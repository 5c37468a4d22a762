"""Minutes of inferring without a pause: what a device holds, minute 1 against the last."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.bench import Bench
from bench.doubts import summed_up
from bench.history.records import Records
from bench.output import Output
from bench.record import Record, now_utc
from bench.result import Result
from models.progress import step

MINUTE_S = 60.0


@dataclass(frozen=True)
class Minute:
    """``number`` counts from 1; None where the machine does not tell."""

    number: int
    median_ns: float
    samples: int
    temperature_c: float | None
    lowest_khz: int | None


def minutes(result: Result) -> list[Minute]:
    """Minute by minute what ``result`` measured; the last may be shorter."""
    edges = np.cumsum([0, *(turn.samples for turn in result.turns)])
    of_minute: dict[int, list[int]] = {}
    for n, turn in enumerate(result.turns):
        samples = result.samples_ns[edges[n] : edges[n + 1]]
        of_minute.setdefault(int(turn.start_s // MINUTE_S) + 1, []).extend(samples)
    return [
        Minute(number, float(np.median(samples)), len(samples), *_machine(result, number))
        for number, samples in of_minute.items()
    ]


def _machine(result: Result, number: int) -> tuple[float | None, int | None]:
    states = [state for state in result.states if int(state.at_s // MINUTE_S) + 1 == number]
    heat = [state.temperature_c for state in states if state.temperature_c is not None]
    return max(heat, default=None), min((min(s.frequency_khz) for s in states if s.frequency_khz),
                                        default=None)  # fmt: skip


def run_sustained(bench: Bench, records: Records, output: Output) -> list[Record]:
    """Each variant by itself, one after the other, in the history as each is finished."""
    count, each = len(bench.variants), bench.timing.sustained
    output.say(f"{count} x {each:g} minutes, one after the other")
    rows, found = [], []
    for variant in bench.variants:
        started = now_utc()
        with step(f"{variant.artifact.name} in {variant.runtime}") as show:
            show(f"for {bench.timing.sustained:g} minutes")
            result = bench.device.run(bench.job(variant))
        record = bench.record("sustained", variant, result, started)
        rows.append(replace(record, id=records.append(record)))
        found.append(minutes(result))
        output.say("", *_lines(rows[-1], found[-1]))
    output.give(rows=list(map(_as_dict, rows, found)))
    output.say(*summed_up(rows))
    return rows


def _lines(record: Record, found: Sequence[Minute]) -> Iterator[str]:
    name = f"{record.artifact} in {record.result.runtime}"
    if not found:
        yield f"{name}: error: {record.result.error}"
        return
    first, last = found[0], found[-1]
    yield (
        f"{name}: minute {first.number} {first.median_ns / 1e6:.2f} ms, minute {last.number} "
        f"{last.median_ns / 1e6:.2f} ms: {last.median_ns / first.median_ns:.2f} times"
    )
    for minute in found:
        heat = "" if minute.temperature_c is None else f"  {minute.temperature_c:5.1f} °C"
        clock = "" if minute.lowest_khz is None else f"  {minute.lowest_khz / 1000:6.0f} MHz"
        yield (
            f"  minute {minute.number:>3}  {minute.median_ns / 1e6:8.2f} ms"
            f"  n {minute.samples:>7}{heat}{clock}"
        )


def _as_dict(record: Record, found: Sequence[Minute]) -> dict:
    return {
        "id": record.id,
        "artifact": record.artifact,
        "runtime": record.result.runtime,
        "error": str(record.result.error) if record.result.error else None,
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
        "caveats": [caveat.kind for caveat in record.caveats],
    }
