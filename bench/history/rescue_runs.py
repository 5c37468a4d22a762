"""``bench rescue``: what can be read of a damaged history, in a new file."""

import os
import sqlite3
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from bench.history import database, rows
from bench.history.history import DATABASE, History
from bench.measurement.environment import Environment
from models.command_line.errors import CheckFailed, RequestError
from models.command_line.printable import printable

RESCUED = DATABASE.with_name("rescued.sqlite")
LEAST_BYTES = 32  # of a run in the file; a number that is larger than that allows is itself damaged
SHOWN = 20
UNKNOWN = Environment("n/a", 0, 0, "n/a", "n/a", None)  # of a device whose description is damaged
# Whatever SQLite and the reader of rows find wrong with one of them.
DAMAGE = (sqlite3.Error, ValueError, TypeError, OverflowError)
# What is wrong with a row, and not with the file that it is written to.
NOT_TAKEN = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError,
             ValueError, TypeError, OverflowError)  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out-file", metavar="PATH", help=f"the new file (default: {RESCUED})")


def run(namespace: Namespace, typed: str) -> None:
    """Write the runs whose rows are whole, by their ids; CheckFailed, naming those that are not,
    where anything is lost."""
    target = Path(namespace.out_file) if namespace.out_file else RESCUED
    if not database.is_there(DATABASE):
        raise RequestError(f"there is no {DATABASE}, so there is nothing to rescue")
    if target.exists():
        raise RequestError(f"{target} is there already; move it away, or name another --out-file")
    saved, lost, sure = rescue(DATABASE, target)
    print(printable(f"{target}: {len(saved)} runs of {DATABASE}, which was not changed"))
    if lost:
        shown = ", ".join(map(str, lost[:SHOWN])) + (", ..." if len(lost) > SHOWN else "")
        raise CheckFailed(f"{len(lost)} of {len(saved) + len(lost)} runs are lost: {shown}")
    if not sure:
        raise CheckFailed("parts of the file cannot be read: later runs or comparisons may be lost")


def rescue(path: Path, target: Path) -> tuple[list[int], list[int], bool]:
    """The ids of the runs that are saved, of those that are lost, and whether all that there was
    is known. ``target`` is written whole or not at all."""
    partial = target.with_name(f".{os.getpid()}.partial")
    try:
        with (
            database.opened_as_it_is(path) as damaged,
            History(partial).writing() as connection,
        ):
            known, sure = _ids(damaged, path.stat().st_size // LEAST_BYTES)
            every = range(1, max(known, default=0) + 1)
            saved = [run_id for run_id in every if _saved(damaged, run_id, connection)]
            drifts, all_drifts = _until_damage(damaged, "SELECT * FROM drift ORDER BY id")
            all_drifts &= all([_drift_saved(row, connection) for row in drifts])
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    lost = sorted((known if sure else set(every)) - set(saved))
    return saved, lost, sure and all_drifts


def _ids(connection: sqlite3.Connection, most: int) -> tuple[set[int], bool]:
    """The ids that runs have, ``most`` at most, and whether these are all."""
    found, sure = set(), True
    for column, table in (("id", "runs"), ("run_id", "samples")):
        for order in ("ASC", "DESC"):  # from both ends up to what cannot be read
            query = f"SELECT {column} FROM {table} ORDER BY {column} {order}"
            rows_found, whole = _until_damage(connection, query)
            found.update(run_id for (run_id,) in rows_found if isinstance(run_id, int))
            sure &= whole
    return {run_id for run_id in found if 0 < run_id <= most}, sure


def _saved(damaged: sqlite3.Connection, run_id: int, connection: sqlite3.Connection) -> bool:
    """Whether the run can be read, and is now in the new file."""
    try:
        record = rows.read(damaged, run_id, UNKNOWN)
    except DAMAGE:
        return False
    return _inserted(connection, lambda: rows.insert(connection, record, run_id))


def _drift_saved(row: sqlite3.Row, connection: sqlite3.Connection) -> bool:
    try:
        drift = rows.read_drift(row)
    except DAMAGE:
        return False
    return _inserted(connection, lambda: rows.insert_drift(connection, drift))


def _inserted(connection: sqlite3.Connection, insert: Callable[[], object]) -> bool:
    """Whether the new file takes what ``insert`` writes, all of it or nothing."""
    connection.execute("SAVEPOINT one")
    try:
        insert()
    except NOT_TAKEN:
        connection.execute("ROLLBACK TO one")
        return False
    finally:
        connection.execute("RELEASE one")
    return True


def _until_damage(connection: sqlite3.Connection, query: str) -> tuple[list[sqlite3.Row], bool]:
    """The rows that ``query`` gives, and whether that is all of them."""
    found: list[sqlite3.Row] = []
    try:
        found.extend(connection.execute(query))  # keeps what came before an error
    except DAMAGE:
        return found, False
    return found, True
