"""The minutes of a sustained run: latency, temperature and clock in each."""

from dataclasses import dataclass

import numpy as np

from bench.measurement.result import Result

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
    """The minutes of ``result``; the last may be shorter."""
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
    """The highest temperature of that minute, and the lowest clock of a core that might be used."""
    states = [state for state in result.states if int(state.at_s // MINUTE_S) + 1 == number]
    heat = (state.temperature_c for state in states if state.temperature_c is not None)
    used = [
        khz
        for state in states
        for core, khz in enumerate(state.frequency_khz)
        if khz and (core in result.affinity or not result.affinity)
    ]
    return max(heat, default=None), min(used, default=None)
