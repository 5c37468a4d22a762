"""The history: every finished measurement, appended at once to one SQLite file.

Raw samples and circumstances only; summaries are computed on reading. Several benches may write at
once, and one that is killed loses at most the measurement in progress.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from bench.history import database, rows, schema
from bench.history.packed_array import DamagedRow
from bench.history.run_line import RunLine, newest_ids, read_line
from bench.measurement.record import Drift, Record
from bench.measurement.result import OpTime
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.progress import note
from models.command_line.storable import storable

DATABASE = Path("results") / "bench.sqlite"
BUSY_TIMEOUT_S = 30.0
T = TypeVar("T")

NEWEST = """
SELECT (SELECT max(id) FROM runs WHERE series_id = series.id) FROM series WHERE kind = 'run'
ORDER BY model_id, device, artifact, runtime, threads
"""
NEWEST_BASELINE = """
SELECT session FROM runs WHERE id = (
    SELECT max((SELECT max(id) FROM runs WHERE series_id = series.id)) FROM series
    WHERE device = ? AND model_id = ? AND kind = 'baseline'
)
"""
OF_BASELINE = """
SELECT runs.id FROM runs JOIN series ON series.id = series_id
WHERE session >= ? AND session < ? AND device = ? AND model_id = ? AND kind = 'baseline'
ORDER BY runs.id
"""


class History:
    """The measurements in the file at ``path``, made where there is none when something is written.

    Every method raises DeviceError, one line, where the file is not a history, is of another
    version, is damaged, stays locked by others for ``busy_timeout_s``, or cannot be written.
    """

    def __init__(self, path: Path = DATABASE, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s

    def append(self, record: Record) -> int:
        """Write ``record``, on disk when this returns; its id."""
        with self.writing() as connection:
            return rows.insert(connection, record)

    def add_accuracy(self, record: Record) -> None:
        """Add what became known after the timing of ``record``, which has an id: its accuracy and
        ``data``, or the error that took their place."""
        error = record.result.error
        values = storable((record.data, error and error.kind, error and error.message, record.id))
        with self.writing() as connection:
            connection.execute(
                "UPDATE runs SET data = ?, error_kind = ?, error_message = ? WHERE id = ?", values
            )
            if record.accuracy:
                rows.insert_accuracy(connection, record.id, record.accuracy)

    def add_profile(self, run_id: int, profile: Sequence[OpTime]) -> None:
        """Add the per-operator times of a run, which are measured apart from it."""
        with self.writing() as connection:
            rows.insert_profile(connection, run_id, profile)

    def add_drift(self, drifts: Sequence[Drift]) -> None:
        """Write the drift matrix of a session, all of it or nothing."""
        with self.writing() as connection:
            for drift in drifts:
                rows.insert_drift(connection, drift)

    def check(self) -> None:
        """Find out before a measurement, and not after it, whether it can be kept."""
        with self._open() as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise database.damaged(self.path, found)
        with self.writing() as connection:
            # The same version again: a write that changes nothing, but needs the room of one.
            connection.execute(schema.SET_VERSION)

    def get(self, run_id: int) -> Record:
        """The record of that id; RequestError where there is none."""
        found = self._read("SELECT id FROM runs WHERE id = ?", run_id)
        if not found:
            raise RequestError(
                f"{self.path} has no run {run_id}; {make_line('list')} shows those it has"
            )
        return found[0]

    def newest(self) -> list[Record]:
        """The newest record of kind "run" of every model, artifact, runtime, device and number of
        threads."""
        with self._reading() as connection:
            ids = [run_id for (run_id,) in connection.execute(NEWEST).fetchall()]
            return list(self._readable(rows.read, connection, ids))

    def session(self, session: str) -> list[Record]:
        """The records that took turns in one command's run, in the order they were written."""
        return self._read("SELECT id FROM runs WHERE session = ? ORDER BY id", session)

    def newest_baseline(self, device: str, model_id: str) -> list[Record]:
        """The records of the newest baseline of this model on this device, oldest first.

        Each of its rounds is a session, "group/round"; all rounds of a group are one baseline.
        """
        with self._reading() as connection:
            of = storable((device, model_id))
            newest = connection.execute(NEWEST_BASELINE, of).fetchone()
            if newest is None:
                return []
            group = newest["session"].rpartition("/")[0]
            # "0" is the character after "/": from the first to the last that starts with group/.
            values = (f"{group}/", f"{group}0", *of)
            ids = connection.execute(OF_BASELINE, values).fetchall()
            return [self._record(connection, run_id) for (run_id,) in ids]

    def drifts(self, session: str) -> list[Drift]:
        """The drift matrix of a session, as it was written."""
        with self._reading() as connection:
            found = connection.execute(
                "SELECT * FROM drift WHERE session = ? ORDER BY id", (session,)
            )
            return [drift for row in found if (drift := self._drift(row))]

    def _drift(self, row: sqlite3.Row) -> Drift | None:
        try:
            return rows.read_drift(row)
        except DamagedRow as error:
            note(f"drift {row['id']} of {self.path} is left out: it is damaged ({error})")
            return None

    def listing(
        self,
        limit: int | None,
        model_id: str | None = None,
        device: str | None = None,
        kind: str | None = None,
    ) -> list[RunLine]:
        """The newest ``limit`` runs (None: all), newest first, of what the filters leave."""
        with self._reading() as connection:
            ids = newest_ids(connection, limit, model_id, device, kind)
            return list(self._readable(read_line, connection, ids))

    def each(
        self,
        limit: int | None = None,
        model_id: str | None = None,
        device: str | None = None,
        kind: str | None = None,
    ) -> Iterator[Record]:
        """The same runs in whole, one at a time."""
        with self._reading() as connection:
            ids = newest_ids(connection, limit, model_id, device, kind)
            yield from self._readable(rows.read, connection, ids)

    def known(self) -> dict[str, tuple[str, ...]]:
        """The values that the filters of ``listing`` can ask for, by their names."""
        columns = ("model_id", "device", "kind")
        with self._reading() as connection:
            return {
                column: tuple(
                    value
                    for (value,) in connection.execute(
                        f"SELECT DISTINCT {column} FROM series ORDER BY {column}"
                    )
                )
                for column in columns
            }

    def _read(self, select_ids: str, *values: object) -> list[Record]:
        with self._reading() as connection:
            ids = connection.execute(select_ids, values).fetchall()
            return [self._record(connection, run_id) for (run_id,) in ids]

    def _record(self, connection: sqlite3.Connection, run_id: int) -> Record:
        return self._found(rows.read, connection, run_id)

    def _found(
        self,
        read: Callable[[sqlite3.Connection, int], T],
        connection: sqlite3.Connection,
        run_id: int,
    ) -> T:
        try:
            return read(connection, run_id)
        except DamagedRow as error:
            raise database.damaged(self.path, f"run {run_id}: {error}") from error

    def _readable(
        self,
        read: Callable[[sqlite3.Connection, int], T],
        connection: sqlite3.Connection,
        ids: Sequence[int],
    ) -> Iterator[T]:
        """Those runs that are whole, with a note on each other one, which costs itself alone;
        DeviceError where none is whole."""
        first_damage, any_whole = None, False
        for run_id in ids:
            try:
                found = read(connection, run_id)
            except DamagedRow as error:
                first_damage = first_damage or (run_id, error)
                note(f"run {run_id} of {self.path} is left out: it is damaged ({error})")
                continue
            any_whole = True
            yield found
        if first_damage and not any_whole:
            run_id, error = first_damage
            raise database.damaged(self.path, f"run {run_id}: {error}") from error

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return database.opened(self.path, self._busy_timeout_s)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, for what is written here: all of it, or nothing."""
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The history as it is at this moment, whatever others write meanwhile. Where there is no
        file, none is made: an empty history is read."""
        there = database.is_there(self.path)
        opened = database.opened_to_read if there else database.opened
        with opened(self.path if there else None, self._busy_timeout_s) as connection:
            connection.execute("BEGIN")
            yield connection
