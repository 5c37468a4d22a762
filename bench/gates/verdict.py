"""The verdict of a gate on one file: a row of the table, of the JSON and of the reports."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from bench.measurement.record import Record

PASSED = "passed"
FAILED = "FAILED"
INCONCLUSIVE = "inconclusive"
SKIPPED = "skipped"
OUTCOMES = (PASSED, FAILED, INCONCLUSIVE, SKIPPED)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``file`` was compared with ``limit``; ``found`` and ``limit`` are text with units.

    ``outcome`` is one of OUTCOMES: inconclusive where the evidence does not suffice, or where the
    baseline was made under other circumstances; skipped, which is never a failure, where there was
    nothing to compare with. ``detail`` says why and ``advice`` what to do next, often a command;
    ``figures`` has numbers for programs.
    """

    gate: str
    file: str
    runtime: str
    outcome: str
    found: str = ""
    limit: str = ""
    detail: str = ""
    advice: str = ""
    figures: Mapping[str, float | int | None] = field(default_factory=dict)

    @classmethod
    def on(cls, record: Record, **values) -> "Verdict":
        """A verdict on the file that ``record`` measured."""
        return cls(file=record.artifact, runtime=record.result.runtime, **values)

    @property
    def explanation(self) -> str:
        """The detail and the advice in one sentence."""
        return "; ".join(part for part in (self.detail, self.advice) if part)

    def as_dict(self) -> dict:
        """For a program: the outcome is called verdict, and the advice is in the detail as well."""
        found = {**asdict(self), "detail": self.explanation}
        return {("verdict" if name == "outcome" else name): found[name] for name in found}


def failing(verdicts: Sequence[Verdict], inconclusive: str) -> list[Verdict]:
    """The verdicts that make the command fail; ``inconclusive``: "fail" or "pass", the limits'."""
    bad = (FAILED, INCONCLUSIVE) if inconclusive == "fail" else (FAILED,)
    return [verdict for verdict in verdicts if verdict.outcome in bad]


def counts(verdicts: Sequence[Verdict]) -> str:
    """The number of verdicts by outcome, e.g. "5 passed, 1 FAILED"."""
    found = [(sum(verdict.outcome == one for verdict in verdicts), one) for one in OUTCOMES]
    return ", ".join(f"{count} {outcome}" for count, outcome in found if count)
