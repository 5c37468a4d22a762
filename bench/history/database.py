"""The SQLite file of the history: how it is opened, and each of its faults in one line."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.history import schema
from models.command_line.advice import module_line
from models.command_line.errors import DeviceError
from models.command_line.scratch import scratch_folder

NOT_TEXT = "Could not decode to UTF-8"
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
        is_there(path)
    with (
        _faults(path, busy_timeout_s),
        closing(_prepared(path or ":memory:", busy_timeout_s)) as connection,
    ):
        yield connection


@contextmanager
def opened_to_read(path: Path, busy_timeout_s: float) -> Iterator[sqlite3.Connection]:
    """The same, of a history that is there, for reading: it may be of another user, or on a medium
    that cannot be written."""
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        with opened(path, busy_timeout_s) as connection:
            yield connection
        return
    with (
        _faults(path, busy_timeout_s),
        _as_it_is(path) as uri,
        closing(_connection(uri, busy_timeout_s)) as connection,
    ):
        schema.check(connection, str(path))
        yield connection


def is_there(path: Path) -> bool:
    """True where a history is at ``path``, not empty; DeviceError where that cannot be seen."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DeviceError(
            f"{path} cannot be used as the bench history: it cannot be read ({error.strerror}); "
            f"allow reading {path.parent}, or run the bench in another folder"
        ) from error
    _check_kind(path, found.st_mode)
    return found.st_size > 0


def _check_kind(path: Path, mode: int) -> None:
    """DeviceError for a folder, a pipe or a device, which SQLite would blame the permissions of."""
    if not stat.S_ISREG(mode):
        found = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise DeviceError(
            f"{path} cannot be used as the bench history: it is {found}; move it away to begin a "
            "new one"
        )


def _connection(place: Path | str, busy_timeout_s: float) -> sqlite3.Connection:
    is_uri = isinstance(place, str) and place.startswith("file:")
    made = sqlite3.connect(place, timeout=busy_timeout_s, isolation_level=None, uri=is_uri)
    made.row_factory = sqlite3.Row
    made.execute("PRAGMA foreign_keys = ON")
    return made


def _prepared(place: Path | str, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection to a file that has the tables, and a journal that can be had where it is."""
    try:
        return _with_tables(place, busy_timeout_s)
    except sqlite3.OperationalError as error:
        if not _lacks_shared_memory(error):
            raise
    # The older journal instead, which the file keeps: readers and writers wait for each other.
    with closing(_connection(place, busy_timeout_s)) as alone:
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")  # the memory is then not needed
        alone.execute("PRAGMA journal_mode = DELETE")
    return _with_tables(place, busy_timeout_s)


def _with_tables(place: Path | str, busy_timeout_s: float) -> sqlite3.Connection:
    connection = _connection(place, busy_timeout_s)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            # Readers and one writer do not hinder each other; the file itself keeps the mode.
            connection.execute("PRAGMA journal_mode = WAL")
        schema.prepare(connection, str(place))
    except BaseException:
        connection.close()
        raise
    return connection


def _lacks_shared_memory(error: sqlite3.OperationalError) -> bool:
    """WAL needs a file that is memory of several processes, which network shares do not have."""
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_IOERR_SHM")


@contextmanager
def opened_as_it_is(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to whatever is at ``path``, nothing of which is checked or changed."""
    with _as_it_is(path) as uri, closing(_connection(uri, 0)) as connection:
        # Otherwise SQLite reads nothing of a file that has lost its end.
        connection.execute("PRAGMA writable_schema = ON")
        yield connection


def journal(path: Path) -> Path:
    """The file beside the history at ``path`` that what was written last is in."""
    return path.with_name(f"{path.name}-wal")


def lost_commits(path: Path) -> int:
    """The number of transactions in a history's journal after one that is damaged: SQLite takes
    them for remains of an earlier journal, and says nothing."""
    if not journal(path).is_file() or not (content := journal(path).read_bytes()):
        return 0
    with _as_it_is(path) as uri, closing(_connection(uri, 0)) as connection:
        try:
            _, read, _ = connection.execute("PRAGMA wal_checkpoint").fetchone()
        except sqlite3.Error:
            read = 0
    frame_bytes = 24 + int.from_bytes(content[8:12], "big")  # of a page, and what is said of it
    starts = range(32 + max(0, read) * frame_bytes, len(content) - 23, frame_bytes)
    # Of this journal, and the last of a transaction, which has the number of pages.
    ends = (s for s in starts if content[s + 8 : s + 16] == content[16:24])
    return sum(content[s + 4 : s + 8] != bytes(4) for s in ends)


@contextmanager
def _as_it_is(path: Path) -> Iterator[str]:
    """The address to read a history at that is not written, not even the files beside it."""
    try:
        if not journal(path).exists() or not journal(path).stat().st_size:
            yield f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            return
        # What a bench wrote last, or writes now, is there only, and SQLite would have to lock it.
        with scratch_folder() as folder:
            copied = folder / path.name
            for file in (journal(path), path):
                shutil.copyfile(file, copied.with_name(file.name))
            yield f"{copied.as_uri()}?mode=rw"
    except OSError as error:
        raise DeviceError(f"{path} cannot be read as the bench history: {error}") from error


@contextmanager
def _faults(path: Path | None, busy_timeout_s: float) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) is None:  # of the module that calls SQLite
            if str(error).startswith(NOT_TEXT):
                raise damaged(path, str(error).partition(" with text")[0]) from error
            raise  # a fault of this program
        raise fault(path, error, busy_timeout_s) from error
    except UnicodeDecodeError as error:  # of SQLite's message about names that are no text
        raise damaged(path, str(error)) from error


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
            "earlier runs are intact; look for a full disk, a limit on the size of files, a share "
            "that cannot lock files, or a failing drive",
        ),
        sqlite3.SQLITE_READONLY: ("it may not be written", _PERMISSION),
        sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", _PERMISSION),
        sqlite3.SQLITE_PERM: ("it may not be used", _PERMISSION),
    }
    other = ("SQLite failed", f"if that stays so, {_recover(path)}")
    reason, advice = reasons.get(_code(error), other)
    return DeviceError(f"{path} cannot be used as the bench history: {reason} ({error}); {advice}")


def damaged(path: Path, found: str) -> DeviceError:
    """The error of a file that is a history, but not whole: ``found`` says what is wrong."""
    shown = " ".join(found.split())
    return DeviceError(f"{path} is damaged ({shown}); it was not changed; {_recover(path)}")


def _recover(path: Path) -> str:
    """The next step for a damaged file."""
    return (
        f"{module_line('bench', 'rescue')} writes what can be read to another file; put that in "
        f"the place of {path.name}, or move {path.name} away to begin a new one"
    )


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's code without the extension that tells variants of it; None: none of SQLite's own."""
    extended = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF
