"""What a report shows, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.record import Drift, Record


@dataclass(frozen=True)
class RowKey:
    """What is followed through the history."""

    model_id: str
    artifact: str
    runtime: str
    device: str
    threads: int | None

    @classmethod
    def of(cls, record: Record) -> "RowKey":
        result = record.result
        return cls(record.model_id, record.artifact, result.runtime, record.device, result.threads)


@dataclass(frozen=True)
class Contents:
    """``records``: the newest of every row; ``histories``: all of a row, oldest first;
    ``sustained``: the newest runs of minutes; ``pictures``: a model's calibration as SVG text."""

    records: tuple[Record, ...]
    histories: Mapping[RowKey, tuple[Record, ...]] = field(default_factory=dict)
    drifts: tuple[Drift, ...] = ()
    sustained: tuple[Record, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
