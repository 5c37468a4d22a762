"""A file in a runtime: what one row of every table is about."""

from dataclasses import dataclass

from bench.exported import Exported
from bench.job import ACCELERATED, RUNTIMES
from bench.timing import Timing
from export.artifact import Artifact
from models.errors import RequestError


@dataclass(frozen=True, eq=False)
class Variant:
    """``artifact`` run by ``runtime``; each is itself alone, so it can be a key."""

    artifact: Artifact
    runtime: str

    def __hash__(self) -> int:
        return hash((self.artifact.sha256, self.runtime))  # an Artifact holds dictionaries

    @property
    def title(self) -> str:
        return f"{self.artifact.name} in {self.runtime}"

    def column(self, device: str) -> str:
        """Its name in a drift matrix."""
        return f"{self.artifact.name} {self.runtime} {device}"


def variants(exported: Exported, timing: Timing) -> list[Variant]:
    """Every file in every runtime that reads it, as far as FILES and RUNTIMES name them; by
    default in none that needs an accelerator.

    RequestError where FILES names a file that was not exported, or no runtime reads any.
    """
    there = {artifact.name: artifact for artifact in exported.manifest.artifacts}
    for name in timing.wanted_files:
        if name not in there:
            raise RequestError(f"FILES has {name!r}; {exported.folder} has: {' '.join(there)}")
    wanted = timing.wanted_files or tuple(there)
    found = [
        Variant(there[name], runtime)
        for name in wanted
        for runtime in RUNTIMES.get(there[name].format, ())
        if (
            runtime in timing.wanted_runtimes
            if timing.wanted_runtimes
            else runtime not in ACCELERATED
        )
    ]
    if not found:
        readers = (f"{form}: {' '.join(names)}" for form, names in RUNTIMES.items())
        raise RequestError(
            f"RUNTIMES={timing.runtimes} reads none of: {' '.join(wanted)}; "
            f"expected, for {'; for '.join(readers)}"
        )
    return found
