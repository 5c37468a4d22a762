"""``bench rescue FILE``: what can be read of a damaged history, in a new one."""

import sqlite3
from argparse import ArgumentParser, Namespace
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from bench.history import rows, schema
from bench.history.history import DATABASE, History
from bench.measurement.record import Drift
from models.command_line.errors import DeviceError, RequestError

# Damage in one of them hides what others still name.
IDS = (
    "SELECT id FROM runs ORDER BY id",
    "SELECT id FROM runs ORDER BY id DESC",
    "SELECT id FROM runs INDEXED BY runs_by_session ORDER BY session",
    "SELECT run_id FROM samples ORDER BY run_id",
)

# How runs of earlier versions are read as if they were of this one; a damaged file is not migrated.
NO_BATTERIES = (
    "CREATE TEMP TABLE batteries (run_id, position, level_percent, charging, temperature_c, "
    "thermal_status)"
)
READ_AS = {
    2: ("CREATE TEMP VIEW runs AS SELECT *, 0 AS turn_group FROM main.runs", NO_BATTERIES),
    3: (NO_BATTERIES,),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("FILE", type=Path, help="the new history, such as rescued.sqlite")


def run(namespace: Namespace, typed: str) -> None:
    """Copy and say what was lost; the damaged file stays as it is.

    RequestError where FILE is there already; DeviceError where nothing can be read.
    """
    new = namespace.FILE
    if not DATABASE.exists():
        raise RequestError(f"there is no {DATABASE} to rescue anything from")
    if new.exists():
        raise RequestError(f"{new} is there already; name a file that is not")
    try:
        found, lost, drifts = _copy(DATABASE, History(new))
    except sqlite3.Error as error:
        raise DeviceError(f"nothing of {DATABASE} can be read ({error}); move it away") from error
    print(f"{new}: {found} of {found + len(lost)} runs, {drifts} rows of drift")
    if lost:
        print(f"lost: {', '.join(map(str, lost))}")


def _copy(damaged: Path, rescued: History) -> tuple[int, list[int], int]:
    """How many runs were copied, the ids of those that could not be, and how much drift was."""
    address = f"file:{quote(str(damaged.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (schema.VERSION, *READ_AS):
            known = " or ".join(map(str, (*READ_AS, schema.VERSION)))
            raise DeviceError(
                f"{damaged} has schema version {version}; expected {known}, which alone "
                "can be rescued; move it away to begin a new one"
            )
        ids, drifts, lost = _ids(connection), _drifts(connection), []
        for statement in READ_AS.get(version, ()):
            connection.execute(statement)
        with rescued.writing() as target:
            for run_id in ids:
                try:
                    record = rows.read(connection, run_id)
                except (sqlite3.DatabaseError, rows.DamagedRow):
                    lost.append(run_id)
                else:
                    rows.insert(target, record, run_id)
            for drift in drifts:
                rows.insert_drift(target, drift)
    return len(ids) - len(lost), lost, len(drifts)


def _ids(connection: sqlite3.Connection) -> list[int]:
    """Every id that anything still names."""
    found = set()
    for query in IDS:
        try:
            for (run_id,) in connection.execute(query):
                found.add(run_id)
        except sqlite3.DatabaseError:
            continue  # what was read up to there counts, and the next query may tell the rest
    return sorted(found)


def _drifts(connection: sqlite3.Connection) -> list[Drift]:
    found = []
    try:
        for row in connection.execute("SELECT * FROM drift ORDER BY id"):
            found.append(rows.read_drift(row))
    except sqlite3.DatabaseError:
        return found  # the rest of it cannot be read
    return found
