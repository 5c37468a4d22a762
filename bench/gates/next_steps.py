"""The next steps that verdicts name: make lines with the user's own variables."""

from dataclasses import dataclass

from bench.engine.session import Session
from bench.gates.gate_session import PLAN
from models.command_line.advice import make_line


@dataclass(frozen=True)
class NextSteps:
    """Commands to run: a baseline for this very gate, and both with a plan that measures more."""

    baseline: str
    thorough_baseline: str
    thorough_gate: str

    @classmethod
    def of(cls, session: Session) -> "NextSteps":
        """The lines for the options of ``session``; a baseline needs the plan of its gate."""
        asked, measure = session.options, session.measure
        plan, cores = None if measure.plan == PLAN else measure.plan, measure.cores or None
        return cls(
            make_line("baseline", asked, plan=plan, cores=cores),
            make_line("baseline", asked, plan="thorough", cores=cores),
            make_line("gate", asked, plan="thorough", cores=cores),
        )
