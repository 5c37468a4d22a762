"""The rows of a version 1 history as rows of version 2; nothing of them is lost.

What version 1 did not know becomes NULL or empty. Its runs took no turns, so each is a session of
its own, and the load of the machine is its run's only state.
"""

import json
import sqlite3
import zlib

import numpy as np

TABLES = ("runs", "samples")


def set_aside(connection: sqlite3.Connection) -> None:
    """Make room for the new tables of the same names."""
    connection.execute("DROP INDEX runs_by_artifact")
    for table in TABLES:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")


def move(connection: sqlite3.Connection) -> None:
    """Fill the tables of version 2 from those set aside, and drop these.

    ValueError, naming the run, where a row is not what version 1 wrote.
    """
    rows = connection.execute("SELECT * FROM runs_1 LEFT JOIN samples_1 ON run_id = id ORDER BY id")
    rows.row_factory = sqlite3.Row
    for row in rows:
        try:
            _move_run(connection, row)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"run {row['id']}: {type(error).__name__}: {error}") from error
    for table in reversed(TABLES):
        connection.execute(f"DROP TABLE {table}_1")


def _move_run(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    environment = json.loads(row["environment"])
    load_average = environment.get("load_average")
    series = ("model_id", "artifact", "runtime", "device", "kind", "threads")
    device = {"name": row["device"], "environment": json.dumps(_environment(environment))}
    artifact = {"sha256": row["artifact_sha256"], "bytes": None}
    artifact |= {name: row[name] for name in ("format", "scheme")}
    kept = ("id", "time_utc", "command", "runtime_version", "load_ns", "prepare_ns")
    kept += ("first_inference_ns", "peak_rss_bytes", "error_kind", "error_message", "data")
    _insert(
        connection,
        "runs",
        **{name: row[name] for name in kept},
        series_id=_found_or_made(connection, "series", **{name: row[name] for name in series}),
        device_id=_found_or_made(connection, "devices", **device),
        artifact_id=_found_or_made(connection, "artifacts", **artifact),
        session=f"version-1/{row['id']}",
        affinity="[]",
        images=row["images"] or 0,
    )
    samples = json.loads(row["samples_ns"] or "[]")
    arrays = {"samples_ns": samples, "turn_start_s": [], "turn_samples": []}
    packed = {name: _packed(values) for name, values in arrays.items()}
    _insert(connection, "samples", run_id=row["id"], **packed)
    if load_average is not None:
        state = {"at_s": 0.0, "load_average": load_average, "governors": "[]"}
        _insert(connection, "states", run_id=row["id"], position=0, **state, frequency_khz="[]")
    if row["images"]:
        figures = {name: row[name] for name in ("images", "correct", "agreeing")}
        _insert(connection, "accuracy", run_id=row["id"], **figures)


def _environment(old: dict) -> dict:
    """``old`` had the architecture as the last word of its system."""
    system, _, architecture = old["system"].rpartition(" ")
    return {
        "cpu_model": old["cpu_model"],
        "cores": old["cores"],
        "memory_bytes": old["memory_bytes"],
        "system": system or architecture,
        "architecture": architecture,
        "python": old["python"],
        "versions": old["versions"],
        "board": None,
        "max_khz": [],
        "emulated": False,
    }


def _packed(values: list[int]) -> bytes:
    return zlib.compress(np.asarray(values, "<i8").tobytes())


def _found_or_made(connection: sqlite3.Connection, table: str, **columns) -> int:
    """The id of the row with these columns. Names are of this file alone, values are bound."""
    same = " AND ".join(f"{name} IS ?" for name in columns)
    found = connection.execute(f"SELECT id FROM {table} WHERE {same}", (*columns.values(),))
    row = found.fetchone()
    return row[0] if row else _insert(connection, table, **columns)


def _insert(connection: sqlite3.Connection, table: str, **columns) -> int:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
    return connection.execute(statement, (*columns.values(),)).lastrowid
