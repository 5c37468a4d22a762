"""The contents of a report, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.history.run_line import RunLine
from bench.measurement.record import Drift, Record


@dataclass(frozen=True)
class RowKey:
    """The fields that all runs of one row have in common."""

    model_id: str
    artifact: str
    runtime: str
    device: str
    threads: int | None

    @classmethod
    def of(cls, measured: Record | RunLine) -> "RowKey":
        of_run = measured.result if isinstance(measured, Record) else measured
        return cls(
            measured.model_id, measured.artifact, of_run.runtime, measured.device, of_run.threads
        )

    @property
    def scheme(self) -> str:
        """Files are called by their scheme."""
        return self.artifact.rpartition(".")[0]


@dataclass(frozen=True)
class Contents:
    """``records``: the newest of every row; ``histories``: the latest of a row, oldest first;
    ``sustained``: the newest runs of minutes; ``pictures``: a model's calibration as SVG text."""

    records: tuple[Record, ...]
    histories: Mapping[RowKey, tuple[RunLine, ...]] = field(default_factory=dict)
    drifts: tuple[Drift, ...] = ()
    sustained: tuple[Record, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
