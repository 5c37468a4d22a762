"""The history: every finished measurement, appended at once to one SQLite file.

Raw samples and circumstances only; summaries are computed on reading. Several benches may write at
once, and one that is killed loses at most the measurement in progress.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.record import Record, from_row, to_row
from models.errors import DeviceError

DATABASE = Path("results") / "bench.sqlite"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 30.0

SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,  -- run: timed (and judged); gate: judged only
    time_utc TEXT NOT NULL,
    command TEXT NOT NULL,
    device TEXT NOT NULL,
    model_id TEXT NOT NULL,
    artifact TEXT NOT NULL,
    artifact_sha256 TEXT NOT NULL,
    format TEXT NOT NULL,
    scheme TEXT NOT NULL,
    runtime TEXT NOT NULL,
    runtime_version TEXT,
    threads INTEGER,
    load_ns INTEGER,
    prepare_ns INTEGER,
    first_inference_ns INTEGER,
    peak_rss_bytes INTEGER,
    error_kind TEXT,
    error_message TEXT,
    data TEXT,
    images INTEGER,
    correct INTEGER,
    agreeing INTEGER,
    environment TEXT NOT NULL  -- JSON object
);
CREATE INDEX runs_by_artifact ON runs (model_id, artifact, runtime, device, kind, id);
CREATE TABLE samples (
    run_id INTEGER PRIMARY KEY REFERENCES runs (id),
    samples_ns TEXT NOT NULL  -- JSON array, warm inferences in order
);
"""


class Records:
    """The history in the file at ``path``, made where there is none.

    DeviceError, one line, where the file is not a database, is of another version, stays locked by
    others, or cannot be written.
    """

    def __init__(self, path: Path = DATABASE, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s

    def append(self, record: Record) -> int:
        """Write ``record``, on disk when this returns; its id."""
        row = to_row(record)
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            insert = f"INSERT INTO runs ({names}) VALUES ({marks})"
            run_id = connection.execute(insert, tuple(row.values())).lastrowid
            samples = json.dumps(record.result.samples_ns)
            connection.execute("INSERT INTO samples VALUES (?, ?)", (run_id, samples))
        return run_id

    def check(self) -> None:
        """Find out before a measurement, and not after it, whether it can be kept."""
        with self._open():
            pass

    def newest(self) -> list[Record]:
        """The newest timed record of every model x artifact x runtime x device."""
        if not self.path.exists():
            return []
        query = """SELECT * FROM runs JOIN samples ON run_id = id WHERE id IN (
            SELECT max(id) FROM runs WHERE kind = 'run'
            GROUP BY model_id, artifact, runtime, device
        ) ORDER BY model_id, device, artifact, runtime"""
        with self._open() as connection:
            return [from_row(row) for row in connection.execute(query)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self.path, timeout=self._busy_timeout_s, isolation_level=None)
            ) as connection:
                connection.row_factory = sqlite3.Row
                self._prepare(connection)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise DeviceError(
                f"{self.path} cannot be used as the bench history ({error}); "
                "free it, or move it away to begin a new one"
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.execute("PRAGMA journal_mode = WAL")
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                # Another bench may have made the tables while this one waited for the lock.
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    for statement in SCHEMA.split(";\n")[:-1]:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                    return
        if version != SCHEMA_VERSION:
            raise DeviceError(
                f"{self.path} has schema version {version}; this bench knows {SCHEMA_VERSION}; "
                "use the newer bench that wrote it, or move it away to begin a new one"
            )
