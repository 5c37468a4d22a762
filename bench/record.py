"""One measurement, with its circumstances, and its form as a row of the history."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bench.accuracy import Accuracy
from bench.environment import Environment
from bench.job import Result, RunError


@dataclass(frozen=True)
class Record:
    """One measurement of one artifact in one runtime on one device.

    ``kind`` is "run" (timed, and judged where there are images) or "gate" (judged only). ``data``
    names the images behind ``accuracy``.
    """

    kind: str
    command: str
    device: str
    model_id: str
    artifact: str
    artifact_sha256: str
    format: str
    scheme: str
    result: Result
    data: str | None
    accuracy: Accuracy | None
    environment: Environment
    time_utc: str = ""


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def to_row(record: Record) -> dict:
    """Columns of the ``runs`` table by name; the samples have a table of their own."""
    result, accuracy = record.result, record.accuracy
    return {
        "kind": record.kind,
        "time_utc": record.time_utc or now_utc(),
        "command": record.command,
        "device": record.device,
        "model_id": record.model_id,
        "artifact": record.artifact,
        "artifact_sha256": record.artifact_sha256,
        "format": record.format,
        "scheme": record.scheme,
        "runtime": result.runtime,
        "runtime_version": result.runtime_version,
        "threads": result.threads,
        "load_ns": result.load_ns,
        "prepare_ns": result.prepare_ns,
        "first_inference_ns": result.first_inference_ns,
        "peak_rss_bytes": result.peak_rss_bytes,
        "error_kind": result.error.kind if result.error else None,
        "error_message": result.error.message if result.error else None,
        "data": record.data,
        "images": accuracy.images if accuracy else None,
        "correct": accuracy.correct if accuracy else None,
        "agreeing": accuracy.agreeing if accuracy else None,
        "environment": json.dumps(asdict(record.environment)),
    }


def from_row(row: Mapping) -> Record:
    """The record in a row of ``runs`` joined with its ``samples_ns``."""
    same = ("kind", "command", "device", "model_id", "artifact", "artifact_sha256", "format")
    error = RunError(row["error_kind"], row["error_message"]) if row["error_kind"] else None
    measured = (
        *("runtime", "runtime_version", "threads", "load_ns", "prepare_ns"),
        *("first_inference_ns", "peak_rss_bytes"),
    )
    return Record(
        **{name: row[name] for name in (*same, "scheme", "data", "time_utc")},
        result=Result(
            **{name: row[name] for name in measured},
            samples_ns=tuple(json.loads(row["samples_ns"])),
            images=row["images"] or 0,
            error=error,
        ),
        accuracy=Accuracy(row["images"], row["correct"], row["agreeing"])
        if row["images"]
        else None,
        environment=Environment(**json.loads(row["environment"])),
    )
