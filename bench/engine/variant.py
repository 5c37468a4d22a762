"""A file in a runtime: one row of every table."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.engine.exported import Exported
from bench.engine.measure_options import MeasureOptions
from bench.measurement.job import RUNTIMES
from export.artifact import Artifact
from models.command_line.errors import RequestError


@dataclass(frozen=True)
class Variant:
    """``artifact`` run by ``runtime``: a key, the same for every device."""

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


def variants(exported: Exported, measure: MeasureOptions, runtimes: Sequence[str]) -> list[Variant]:
    """Every file, as far as FILES names them, in every one of ``runtimes`` that reads it.

    RequestError where FILES names a file that was not exported, or none of ``runtimes`` reads any.
    """
    exported_files = {artifact.name: artifact for artifact in exported.manifest.artifacts}
    for name in measure.wanted_files:
        if name not in exported_files:
            raise RequestError(
                f"FILES has {name!r}; {exported.folder} has: {' '.join(exported_files)}"
            )
    wanted = measure.wanted_files or tuple(exported_files)
    found = [
        Variant(exported_files[name], runtime)
        for name in wanted
        for runtime in RUNTIMES.get(exported_files[name].format, ())
        if runtime in runtimes
    ]
    if not found:
        readers = (f"{form}: {' '.join(names)}" for form, names in RUNTIMES.items())
        raise RequestError(
            f"RUNTIMES={','.join(runtimes)} reads none of: {' '.join(wanted)}; "
            f"expected, for {'; for '.join(readers)}"
        )
    return found
