"""``bench rescue``: what can be read of a damaged history, in a new file."""

import os
import shutil
import sqlite3
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.history import database, rows
from bench.history.history import DATABASE, History
from bench.measurement.environment import Environment
from models.command_line.errors import CheckFailed, RequestError
from models.command_line.printable import printable
from models.command_line.scratch import scratch_folder

RESCUED = DATABASE.with_name("rescued.sqlite")
LEAST_BYTES = 32  # of a run in the file; a number that is larger than that allows is itself damaged
SHOWN = 20
UNKNOWN = Environment("n/a", 0, 0, "n/a", "n/a", None)  # of a device whose description is damaged
# Whatever SQLite and the reader of rows find wrong with one of them.
DAMAGE = (sqlite3.Error, ValueError, TypeError, OverflowError)
# What is wrong with a row, and not with the file that it is written to.
NOT_TAKEN = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError,
             ValueError, TypeError, OverflowError)  # fmt: skip


# What a file of SQLite begins with, where that is the same in every history: its name, pages of
# 4096 bytes, a journal of its own, the shares of a page, the format of the tables, UTF-8.
HEADER = {
    0: b"SQLite format 3\0\x10\0\2\2\0\x40\x20\x20",
    **{44: b"\0\0\0\4", 52: b"\0\0\0\0\0\0\0\1"},
}


@dataclass(frozen=True)
class Rescued:
    """The ids of the runs that are ``saved``, of those that are ``lost``, and whether all that
    there was is known."""

    saved: list[int]
    lost: list[int]
    sure: bool


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
    found = rescue(DATABASE, target)
    saved, lost = len(found.saved), len(found.lost)
    print(printable(f"{target}: {saved} runs of {DATABASE}, which was not changed"))
    if lost:
        shown = ", ".join(map(str, found.lost[:SHOWN])) + (", ..." if lost > SHOWN else "")
        raise CheckFailed(f"{lost} of {saved + lost} runs are lost: {shown}")
    if not found.sure:
        raise CheckFailed("parts of the file cannot be read: later runs or comparisons may be lost")


def rescue(path: Path, target: Path) -> Rescued:
    """Write to ``target``, whole or not at all, what can be read of the history at ``path``."""
    found = _rescued(path, target)
    if found.saved or (found.sure and not found.lost):
        return found
    with scratch_folder() as folder:  # the first bytes, which say how to read all others, may be
        copied = folder / path.name  # what is wrong; every history has the same
        for file in (path, database.journal(path)):
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
        with copied.open("r+b") as file:
            for at, content in HEADER.items():
                file.seek(at)
                file.write(content)
        return _rescued(copied, target)


def _rescued(path: Path, target: Path) -> Rescued:
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
    return Rescued(saved, lost, sure and all_drifts and not database.lost_commits(path))


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
    """True where the run can be read, and is now in the new file."""
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
    """True where the new file takes what ``insert`` writes, all of it or nothing."""
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
