"""The next steps that verdicts name: make lines with the user's own variables."""

from dataclasses import dataclass

from bench.engine.session import Session


@dataclass(frozen=True)
class NextSteps:
    """Commands to run: a baseline for this very gate, and both with a plan that measures more."""

    baseline: str
    thorough_baseline: str
    thorough_gate: str

    @classmethod
    def of(cls, session: Session) -> "NextSteps":
        """The lines for the options of ``session``; a baseline needs the plan of its gate."""
        return cls(
            session.make_line("baseline"),
            session.make_line("baseline", plan="thorough"),
            session.make_line("gate", plan="thorough"),
        )
