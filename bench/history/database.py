"""The SQLite file of the history: how it is opened, and each of its faults in one line."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.history import schema
from models.command_line.errors import DeviceError

_PERMISSION = (
    "allow writing to the file and to its folder, where SQLite keeps two more files, or run the "
    "bench in another folder"
)


@contextmanager
def opened(path: Path | None, busy_timeout_s: float) -> Iterator[sqlite3.Connection]:
    """A connection to the history at ``path``, made where there is none.

    None: an empty one in memory. What a transaction wrote is on disk when it has been committed.
    DeviceError, saying what to do, for everything that SQLite finds wrong, also while the
    connection is used.
    """
    if path:
        _make_folder(path)
    try:
        with closing(
            sqlite3.connect(path or ":memory:", timeout=busy_timeout_s, isolation_level=None)
        ) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            # Readers and one writer do not hinder each other; the file itself keeps the mode.
            connection.execute("PRAGMA journal_mode = WAL")
            schema.prepare(connection, str(path))
            yield connection
    except sqlite3.Error as error:
        if _code(error) is None:  # of the module that calls SQLite: a fault of this program
            raise
        raise fault(path, error, busy_timeout_s) from error


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeviceError(
            f"{path} cannot be used: there is no folder {path.parent} and it cannot be made "
            f"({error}); run the bench where you may write"
        ) from error


def fault(path: Path, error: sqlite3.Error, busy_timeout_s: float) -> DeviceError:
    """The error for a fault of the file at ``path``, with the next step."""
    if _code(error) == sqlite3.SQLITE_CORRUPT:
        return damaged(path, str(error))
    reasons = {
        sqlite3.SQLITE_BUSY: (
            f"another process has kept it locked for {busy_timeout_s:g} s",
            f"end that process (fuser {path} names it) or try again later",
        ),
        sqlite3.SQLITE_NOTADB: (
            "it is not a SQLite database",
            "move it away to begin a new one",
        ),
        sqlite3.SQLITE_FULL: (
            "the disk is full",
            "earlier runs are intact; free some space and measure again",
        ),
        sqlite3.SQLITE_IOERR: (
            "reading or writing failed",
            "earlier runs are intact; look for a full disk, a limit on the size of files, or "
            "a failing drive",
        ),
        sqlite3.SQLITE_READONLY: ("it may not be written", _PERMISSION),
        sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", _PERMISSION),
    }
    other = ("SQLite failed", f"if that stays so, {_recover(path)}")
    reason, advice = reasons.get(_code(error), other)
    return DeviceError(f"{path} cannot be used as the bench history: {reason} ({error}); {advice}")


def damaged(path: Path, found: str) -> DeviceError:
    """The error of a file that is a history, but not whole: ``found`` says what is wrong."""
    shown = " ".join(found.split())
    return DeviceError(f"{path} is damaged ({shown}); it was not changed; {_recover(path)}")


def _recover(path: Path) -> str:
    """The next step for a damaged file. It is not SQLite's ``.recover``, which Debian's sqlite3 is
    built without: that one prints an error and recovers nothing. ``.dump`` skips what it cannot
    read, but ends with a ROLLBACK and leaves the version out."""
    after = f"DELETE FROM runs WHERE id NOT IN (SELECT run_id FROM samples); {schema.SET_VERSION};"
    return (
        "to save what can be read, run: "
        f"(sqlite3 {shlex.quote(str(path))} .dump | sed 's/^ROLLBACK.*/COMMIT;/'; echo '{after}') "
        f"| sqlite3 recovered.sqlite; move {path.name}, {path.name}-wal and {path.name}-shm away "
        "and the recovered file into their place, or begin a new one"
    )


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's code without the extension that tells variants of it; None: none of SQLite's own."""
    extended = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF
