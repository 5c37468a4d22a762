"""The line of a run in a list: read without what the line does not show."""

import heapq
import sqlite3
from dataclasses import dataclass

from bench.history import rows
from bench.history.packed_array import DamagedRow, unpack
from bench.measurement.latency import Latency, latency
from bench.measurement.result import Result, RunError
from models import checked_json
from models.command_line.storable import storable

LINE = """
SELECT runs.id, time_utc, kind, session, git_commit, model_id, artifact, runtime, device, threads,
    error_kind, error_message, accuracy.images, correct,
    samples_ns, turn_start_s, turn_samples, environment
FROM runs
JOIN series ON series.id = series_id
JOIN devices ON devices.id = device_id
JOIN samples ON samples.run_id = runs.id
LEFT JOIN accuracy ON accuracy.run_id = runs.id
WHERE runs.id = ?
"""


@dataclass(frozen=True)
class RunLine:
    """A run in short; fields as in Record. ``warnings``: their kinds. None: not known.

    ``latency`` is None on an ``emulated`` device as well: it means nothing.
    """

    id: int
    time_utc: str
    kind: str
    session: str
    commit: str | None
    model_id: str
    artifact: str
    runtime: str
    device: str
    threads: int | None
    latency: Latency | None
    top1: float | None
    warnings: tuple[str, ...]
    error: str | None
    emulated: bool = False


def newest_ids(
    connection: sqlite3.Connection,
    limit: int | None,
    model_id: str | None,
    device: str | None,
    kind: str | None,
) -> list[int]:
    """Ids of the newest ``limit`` runs (None: all), newest first, of what the filters leave.

    The newest of each series are looked up, and the newest of those kept: there are few series,
    however many runs.
    """
    asked = {"model_id": model_id, "device": device, "kind": kind}
    asked = {column: storable(value) for column, value in asked.items() if value is not None}
    where = " AND ".join(f"{column} = ?" for column in asked) or "TRUE"
    series = connection.execute(f"SELECT id FROM series WHERE {where}", (*asked.values(),))
    newest = "SELECT id FROM runs WHERE series_id = ? ORDER BY id DESC LIMIT ?"
    bound = -1 if limit is None else limit  # SQLite takes a negative limit as none
    ids = [
        run_id
        for (series_id,) in series.fetchall()
        for (run_id,) in connection.execute(newest, (series_id, bound))
    ]
    return sorted(ids, reverse=True) if limit is None else heapq.nlargest(limit, ids)


def read_line(connection: sqlite3.Connection, run_id: int) -> RunLine:
    """The run of that id; DamagedRow where it cannot be put together."""
    row = connection.execute(LINE, (run_id,)).fetchone()
    if row is None:
        raise DamagedRow("a row that belongs to it is missing")
    try:
        # A table of SQLite takes anything.
        return checked_json.read(RunLine, _line(connection, row), finite=False)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise DamagedRow(str(error)) from error


def _line(connection: sqlite3.Connection, row: sqlite3.Row) -> RunLine:
    kinds = "SELECT kind FROM caveats WHERE run_id = ? ORDER BY position"
    error = RunError(row["error_kind"], row["error_message"]) if row["error_kind"] else None
    emulated = _is_emulated(row["environment"])
    samples_ns, turns = unpack(row["samples_ns"], "<i8"), rows.turns(row)
    Result(row["runtime"], samples_ns=samples_ns, turns=turns).check()
    same = ("id", "time_utc", "kind", "session", "model_id", "artifact", "runtime", "device")
    return RunLine(
        **{name: row[name] for name in same},
        commit=row["git_commit"],
        threads=row["threads"],
        latency=None if emulated else latency(samples_ns, turns),
        top1=None if row["correct"] is None else row["correct"] / row["images"],
        warnings=tuple(kind for (kind,) in connection.execute(kinds, (row["id"],))),
        error=str(error) if error else None,
        emulated=emulated,
    )


def _is_emulated(environment: str) -> bool:
    try:
        return bool(checked_json.parse(environment)["emulated"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedRow(f"an environment that cannot be read: {error}") from error
