"""Records as rows of the history's tables, and back.

Dataclasses that are lists in a record have tables whose columns are their fields.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, fields
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import numpy as np

from bench.history import schema
from bench.history.packed_array import DamagedRow, pack, unpack
from bench.measurement.accuracy import Accuracy, ClassChange, Flip
from bench.measurement.environment import Battery, Environment
from bench.measurement.plan import Plan
from bench.measurement.record import Drift, Record, now_utc
from bench.measurement.result import CpuQuota, Delegate, OpTime, Result, RunError, State, Turn
from bench.measurement.warning import MeasurementWarning
from models import checked_json
from models.checked_json import parse
from models.command_line.storable import storable

T = TypeVar("T")

NO_CLASSES = -1  # in the place of a count of agreeing images

OF_RECORD = ("session", "time_utc", "command", "data")
OF_RESULT = (
    *("runtime_version", "os_threads", "affinity", "load_ns", "prepare_ns", "first_inference_ns"),
    *("warmup_runs", "warmup_stable", "others_share", "stolen_share", "peak_rss_bytes", "images"),
    "turn_group",
)
OF_ACCURACY = tuple(
    field.name for field in fields(Accuracy) if field.name not in ("classes", "flips")
)
WHOLE = """
SELECT runs.*, kind, model_id, artifact, runtime, device, threads, environment,
    sha256, bytes, format, scheme, samples_ns, turn_start_s, turn_samples
FROM runs
JOIN series ON series.id = series_id
JOIN devices ON devices.id = device_id
JOIN artifacts ON artifacts.id = artifact_id
JOIN samples ON samples.run_id = runs.id
WHERE runs.id = ?
"""


def insert(connection: sqlite3.Connection, record: Record, run_id: int | None = None) -> int:
    """Write ``record`` within the caller's transaction; its new id, or the ``run_id`` that it is to
    have. The record's own ``id`` is not looked at."""
    result = record.result
    schema.add_columns(connection)
    run_id = _insert(connection, "runs", {"id": run_id, **_of_run(connection, record)})
    samples = {
        "run_id": run_id,
        "samples_ns": pack(result.samples_ns, "<i8"),
        "turn_start_s": pack([turn.start_s for turn in result.turns], "<f8"),
        "turn_samples": pack([turn.samples for turn in result.turns], "<i8"),
    }
    _insert(connection, "samples", samples)
    _insert_all(connection, "states", run_id, result.states)
    _insert_all(connection, "batteries", run_id, result.batteries)
    insert_profile(connection, run_id, result.profile)
    _insert_all(connection, "caveats", run_id, record.warnings)
    if record.accuracy:
        insert_accuracy(connection, run_id, record.accuracy)
    return run_id


def insert_accuracy(connection: sqlite3.Connection, run_id: int, accuracy: Accuracy) -> None:
    figures = {name: getattr(accuracy, name) for name in OF_ACCURACY}
    _insert(connection, "accuracy", {"run_id": run_id, **figures})
    _insert_all(connection, "classes", run_id, accuracy.classes)
    _insert_all(connection, "flips", run_id, accuracy.flips)


def insert_profile(connection: sqlite3.Connection, run_id: int, profile: Sequence[OpTime]) -> None:
    _insert_all(connection, "profile", run_id, profile)


def insert_drift(connection: sqlite3.Connection, drift: Drift) -> None:
    values = {f.name: getattr(drift, f.name) for f in fields(Drift)}
    if drift.agreeing is None:  # the table wants a number
        values["agreeing"] = NO_CLASSES
    _insert(connection, "drift", values)


def read(connection: sqlite3.Connection, run_id: int, unknown: Environment | None = None) -> Record:
    """The record of that id; DamagedRow where it cannot be put together. ``unknown``: the
    environment of a record whose own cannot be read; None: that is damage, too."""
    row = connection.execute(WHOLE, (run_id,)).fetchone()
    if row is None:
        raise DamagedRow("a row that belongs to it is missing")
    try:
        return _record(connection, row, unknown)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedRow(str(error)) from error


def _record(
    connection: sqlite3.Connection, row: sqlite3.Row, unknown: Environment | None
) -> Record:
    """The record of ``row``; ValueError where a field is not what a bench writes."""
    made = _put_together(connection, row, unknown)
    # A table of SQLite takes anything. What was not known is NaN, or None.
    checked_json.read(Record, made, finite=False)
    made.result.check()
    if made.accuracy:
        checked_json.check_range("accuracy.images", made.accuracy.images, 1, 2**63 - 1)
    return made


def _put_together(
    connection: sqlite3.Connection, row: sqlite3.Row, unknown: Environment | None
) -> Record:
    run_id = row["id"]
    plan, delegate = (parse(row[name] or "null") for name in ("plan", "delegate"))
    added = {name: row[name] for name in schema.ADDED if name in row.keys()}  # noqa: SIM118
    quota = parse(added.get("cpu_quota") or "null")
    return Record(
        **{name: row[name] for name in (*OF_RECORD, "id", "kind", "device", "model_id")},
        **{name: row[name] for name in ("artifact", "format", "scheme")},
        commit=row["git_commit"],
        artifact_sha256=row["sha256"],
        artifact_bytes=row["bytes"],
        plan=Plan(**plan) if plan else None,
        result=Result(
            runtime=row["runtime"],
            threads=row["threads"],
            **_fields_of(Result, row, OF_RESULT),
            samples_ns=unpack(row["samples_ns"], "<i8"),
            turns=turns(row),
            states=_read_all(connection, "states", run_id, State),
            batteries=_read_all(connection, "batteries", run_id, Battery),
            delegate=Delegate(**delegate) if delegate else None,
            unanswered=tuple(parse(added.get("unanswered") or "[]")),
            cpu_quota=CpuQuota(**quota) if quota else None,
            profile=_read_all(connection, "profile", run_id, OpTime),
            error=RunError(row["error_kind"], row["error_message"]) if row["error_kind"] else None,
        ),
        accuracy=_accuracy(connection, run_id),
        environment=_environment(row["environment"], unknown),
        warnings=_read_all(connection, "caveats", run_id, MeasurementWarning),
    )


def _environment(text: str, unknown: Environment | None) -> Environment:
    try:
        made = checked_json.read(Environment, parse(text))
        made.check()
        return made
    except (ValueError, TypeError):
        if unknown is None:
            raise
        return unknown


def read_drift(row: sqlite3.Row) -> Drift:
    """The drift in ``row``; DamagedRow where a field is not what a bench writes."""
    values = _fields_of(Drift, row, [field.name for field in fields(Drift)])
    if values["agreeing"] == NO_CLASSES:
        values["agreeing"] = None
    try:
        checked_json.check_range("images", values["images"], 1, 2**63 - 1)
        return checked_json.read(Drift, values, finite=False)
    except (ValueError, TypeError) as error:
        raise DamagedRow(str(error)) from error


def turns(row: sqlite3.Row) -> tuple[Turn, ...]:
    """The turns in a row of ``samples``."""
    starts, counts = unpack(row["turn_start_s"], "<f8"), unpack(row["turn_samples"], "<i8")
    return tuple(Turn(*turn) for turn in zip(starts, counts, strict=True))


def _accuracy(connection: sqlite3.Connection, run_id: int) -> Accuracy | None:
    row = connection.execute("SELECT * FROM accuracy WHERE run_id = ?", (run_id,)).fetchone()
    if row is None:
        return None
    return Accuracy(
        **{name: row[name] for name in OF_ACCURACY},
        classes=_read_all(connection, "classes", run_id, ClassChange),
        flips=_read_all(connection, "flips", run_id, Flip),
    )


def _of_run(connection: sqlite3.Connection, record: Record) -> dict[str, Any]:
    """Columns of ``runs``, with the ids of what the run shares with others."""
    result = record.result
    return {
        "series_id": _series_id(connection, record),
        "device_id": _device_id(connection, record),
        "artifact_id": _artifact_id(connection, record),
        **{name: getattr(record, name) for name in OF_RECORD},
        **{name: getattr(result, name) for name in OF_RESULT},
        "time_utc": record.time_utc or now_utc(),
        "git_commit": record.commit,
        "plan": _json(asdict(record.plan)) if record.plan else None,
        "delegate": _json(asdict(result.delegate)) if result.delegate else None,
        "unanswered": result.unanswered,
        "cpu_quota": _json(asdict(result.cpu_quota)) if result.cpu_quota else None,
        "error_kind": result.error.kind if result.error else None,
        "error_message": result.error.message if result.error else None,
    }


def _device_id(connection: sqlite3.Connection, record: Record) -> int:
    same = {"name": record.device, "environment": _json(asdict(record.environment))}
    return _found_or_made(connection, "devices", same)


def _artifact_id(connection: sqlite3.Connection, record: Record) -> int:
    same = {
        "sha256": record.artifact_sha256,
        "bytes": record.artifact_bytes,
        "format": record.format,
        "scheme": record.scheme,
    }
    return _found_or_made(connection, "artifacts", same)


def _series_id(connection: sqlite3.Connection, record: Record) -> int:
    same = {name: getattr(record, name) for name in ("model_id", "artifact", "device", "kind")}
    of_result = {name: getattr(record.result, name) for name in ("runtime", "threads")}
    return _found_or_made(connection, "series", same | of_result)


def _found_or_made(connection: sqlite3.Connection, table: str, columns: dict[str, Any]) -> int:
    """The id of the one row with these columns."""
    same = " AND ".join(f"{name} IS ?" for name in columns)
    values = [_plain(value) for value in columns.values()]
    row = connection.execute(f"SELECT id FROM {table} WHERE {same}", values).fetchone()
    return row[0] if row else _insert(connection, table, columns)


def _insert(connection: sqlite3.Connection, table: str, columns: dict[str, Any]) -> int:
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    values = [_plain(value) for value in columns.values()]
    return connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values).lastrowid


def _insert_all(
    connection: sqlite3.Connection, table: str, run_id: int, items: Sequence[Any]
) -> None:
    """Each dataclass of ``items`` as a row of ``table``, in order."""
    for position, item in enumerate(items):
        columns = {field.name: getattr(item, field.name) for field in fields(item)}
        _insert(connection, table, {"run_id": run_id, "position": position, **columns})


def _read_all(
    connection: sqlite3.Connection, table: str, run_id: int, kind: type[T]
) -> tuple[T, ...]:
    names = [field.name for field in fields(kind)]
    rows = connection.execute(
        f"SELECT * FROM {table} WHERE run_id = ? ORDER BY position", (run_id,)
    )
    return tuple(kind(**_fields_of(kind, row, names)) for row in rows)


def _fields_of(kind: type, row: sqlite3.Row, names: Sequence[str]) -> dict[str, Any]:
    """Those fields of the dataclass ``kind`` as their annotations say."""
    types = {field.name: field.type for field in fields(kind)}
    return {name: _as(types[name], row[name]) for name in names}


def _as(kind: Any, value: Any) -> Any:
    """A column's value as a field of type ``kind``: SQLite knows no lists, truth values or NaN."""
    if get_origin(kind) is tuple:
        return tuple(parse(value))
    if value is None:
        return float("nan") if kind is float else None
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return bool(value) if bool in kinds else value


def _plain(value: Any) -> Any:
    """A field's value as SQLite takes it: a numpy number would become its bytes, and text that is
    no UTF-8 an error."""
    if isinstance(value, tuple):
        return _json(value)
    return value.item() if isinstance(value, np.generic) else storable(value)


def _json(value: Any) -> str:
    return json.dumps(storable(value), default=lambda number: number.item())
