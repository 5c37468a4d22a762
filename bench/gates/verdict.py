"""What a gate says of one file: a row of the table, of the JSON and of the reports."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

PASSED = "passed"
FAILED = "FAILED"
CANNOT_TELL = "cannot tell"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Row:
    """``file`` was held against ``limit``; ``found`` and ``limit`` are text with units.

    ``verdict`` is "passed", "FAILED", "cannot tell" (the evidence does not reach, or the baseline
    is of other circumstances) or "skipped" (there was nothing to compare with; never a failure).
    ``detail`` says why, and what to type; ``figures`` has numbers for programs.
    """

    gate: str
    file: str
    runtime: str
    verdict: str
    found: str = ""
    limit: str = ""
    detail: str = ""
    figures: Mapping[str, float | int | None] = field(default_factory=dict)

    def as_dict(self) -> dict:
        return asdict(self)


def failing(rows: Sequence[Row], cannot_tell: str) -> list[Row]:
    """The rows that make the command fail; ``cannot_tell``: "fail" or "pass", from gate.toml."""
    bad = (FAILED, CANNOT_TELL) if cannot_tell == "fail" else (FAILED,)
    return [row for row in rows if row.verdict in bad]


def counts(rows: Sequence[Row]) -> str:
    """How many rows have which verdict, such as "5 passed, 1 FAILED"."""
    found = [(sum(row.verdict == v for row in rows), v) for v in VERDICTS]
    return ", ".join(f"{count} {verdict}" for count, verdict in found if count)


VERDICTS = (PASSED, FAILED, CANNOT_TELL, SKIPPED)
