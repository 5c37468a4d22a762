"""The baseline of the gate of latency: the same files measured several times over.

Each round is a session in which every file takes turns with itself; how far the two halves of such
a pair are apart is chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.gates.noise import Noise, change_in_turns, noise_between_rounds, noise_in_turns
from bench.measurement.record import Record

KEPT = Path("results") / "baseline"
MIN_ROUNDS = 3


@dataclass(frozen=True)
class Baseline:
    """One file in one runtime. ``record`` is its first; ``medians_ns`` has one median a round, and
    ``changes`` the natural logarithm of the second half of each pair over the first."""

    record: Record
    medians_ns: tuple[float, ...]
    changes: tuple[float, ...]

    @property
    def in_turns(self) -> Noise:
        """Of two equal files that take turns."""
        return noise_in_turns(self.changes)

    @property
    def between_rounds(self) -> Noise:
        """Of a new round against these."""
        return noise_between_rounds(self.medians_ns)

    @property
    def kept_file(self) -> Path:
        return kept_file(self.record.artifact_sha256, self.record.format)


def kept_file(sha256: str, format_name: str) -> Path:
    """The copy of a baseline's file, kept so that it can be measured again."""
    return KEPT / f"{sha256}.{format_name}"


def read_baselines(records: Sequence[Record]) -> dict[tuple[str, str], Baseline]:
    """Baselines by artifact and runtime, out of the records of kind "baseline", oldest first.

    Files of which fewer than three rounds went through are left out.
    """
    pairs: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for record in records:
        rounds = pairs.setdefault((record.artifact, record.result.runtime), {})
        if record.result.samples_ns and not record.result.error:
            rounds.setdefault(record.session, []).append(record)
    found = {}
    for key, rounds in pairs.items():
        whole = [pair for pair in rounds.values() if len(pair) == 2]
        if len(whole) >= MIN_ROUNDS:
            found[key] = Baseline(
                whole[0][0],
                tuple(float(np.median(first.result.samples_ns)) for first, _ in whole),
                tuple(change_in_turns(second.result, first.result) for first, second in whole),
            )
    return found
