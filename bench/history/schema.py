"""The tables of the history.

What is filtered or sorted by is a column; lists that are only shown are JSON.
"""

import sqlite3

from models.command_line.errors import DeviceError

VERSION = 4  # of the tables, kept in the file as user_version; 1 to 3 came before any release
SET_VERSION = f"PRAGMA user_version = {VERSION}"

TABLES = """
CREATE TABLE devices (  -- a device as it was found: another environment is another row
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    environment TEXT NOT NULL,  -- JSON object
    UNIQUE (name, environment)
);
CREATE TABLE artifacts (  -- a file by its content
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    bytes INTEGER,
    format TEXT NOT NULL,
    scheme TEXT NOT NULL
);
CREATE UNIQUE INDEX artifacts_by_hash ON artifacts (sha256, ifnull(bytes, -1), format, scheme);
CREATE TABLE series (  -- what runs are repetitions of
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL,
    artifact TEXT NOT NULL,  -- name of the file
    runtime TEXT NOT NULL,
    device TEXT NOT NULL,
    kind TEXT NOT NULL,
    threads INTEGER
);
CREATE UNIQUE INDEX series_by_what
    ON series (model_id, artifact, runtime, device, kind, ifnull(threads, -1));
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL REFERENCES series (id),
    device_id INTEGER NOT NULL REFERENCES devices (id),
    artifact_id INTEGER NOT NULL REFERENCES artifacts (id),
    session TEXT NOT NULL,
    time_utc TEXT NOT NULL,
    command TEXT NOT NULL,
    git_commit TEXT,
    plan TEXT,  -- JSON object
    runtime_version TEXT,
    os_threads INTEGER,
    affinity TEXT NOT NULL,  -- JSON array
    load_ns INTEGER,
    prepare_ns INTEGER,
    first_inference_ns INTEGER,
    warmup_runs INTEGER,
    warmup_stable INTEGER,
    others_share REAL,
    stolen_share REAL,
    peak_rss_bytes INTEGER,
    delegate TEXT,  -- JSON object
    images INTEGER NOT NULL,
    error_kind TEXT,
    error_message TEXT,
    data TEXT,
    turn_group INTEGER NOT NULL DEFAULT 0,
    unanswered TEXT,  -- JSON array
    cpu_quota TEXT  -- JSON object
);
CREATE INDEX runs_by_series ON runs (series_id, id);
CREATE INDEX runs_by_session ON runs (session, id);
CREATE TABLE samples (  -- arrays are little-endian, 8 bytes a value, compressed by zlib
    run_id INTEGER PRIMARY KEY REFERENCES runs (id),
    samples_ns BLOB NOT NULL,  -- int64, warm inferences in order
    turn_start_s BLOB NOT NULL,  -- float64
    turn_samples BLOB NOT NULL  -- int64
);
CREATE TABLE states (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    position INTEGER NOT NULL,
    at_s REAL NOT NULL,
    load_average REAL,
    governors TEXT NOT NULL,  -- JSON array
    frequency_khz TEXT NOT NULL,  -- JSON array
    temperature_c REAL,
    throttled INTEGER,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE batteries (  -- of a phone: before the timed part, and after it
    run_id INTEGER NOT NULL REFERENCES runs (id),
    position INTEGER NOT NULL,
    level_percent INTEGER,
    charging TEXT,
    temperature_c REAL,
    thermal_status INTEGER,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE caveats (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    advice TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE profile (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    mean_ns REAL NOT NULL,
    delegated INTEGER,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE accuracy (
    run_id INTEGER PRIMARY KEY REFERENCES runs (id),
    images INTEGER NOT NULL,
    correct INTEGER,
    agreeing INTEGER,
    correct_top5 INTEGER,
    sqnr_db REAL,
    cosine REAL,
    mean_softmax_change REAL,
    worst_softmax_change REAL
);
CREATE TABLE classes (
    run_id INTEGER NOT NULL REFERENCES accuracy (run_id),
    position INTEGER NOT NULL,
    label INTEGER NOT NULL,
    name TEXT NOT NULL,
    images INTEGER NOT NULL,
    keras_correct INTEGER NOT NULL,
    correct INTEGER NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE flips (
    run_id INTEGER NOT NULL REFERENCES accuracy (run_id),
    position INTEGER NOT NULL,
    "index" INTEGER NOT NULL,
    item TEXT NOT NULL,
    label INTEGER,
    keras INTEGER NOT NULL,
    said INTEGER NOT NULL,
    certainty REAL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE drift (
    id INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    images INTEGER NOT NULL,
    agreeing INTEGER NOT NULL,
    sqnr_db REAL,
    cosine REAL,
    mean_softmax_change REAL,
    worst_softmax_change REAL
);
CREATE INDEX drift_by_session ON drift (session, id);
"""


ADDED = {"unanswered": "TEXT", "cpu_quota": "TEXT"}  # to runs, since VERSION was first written


def add_columns(connection: sqlite3.Connection) -> None:
    """Add to ``runs`` what a file of VERSION may lack; an earlier bench leaves them empty. Only who
    writes does so: to be read, a file need not be changed."""
    there = {column[1] for column in connection.execute("PRAGMA table_info(runs)")}
    for name, kind in ADDED.items():
        if name not in there:
            connection.execute(f"ALTER TABLE runs ADD COLUMN {name} {kind}")


def prepare(connection: sqlite3.Connection, name: str) -> None:
    """Make the tables in an empty file, in one transaction; leave those of VERSION as they are.

    DeviceError where a bench of another version, or something else than a bench, wrote the file
    ``name``.
    """
    if _version(connection) == VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Read again: another bench may have made them while this one waited for the lock.
        found = _version(connection)
        if found == VERSION:
            return
        _refuse_unknown(connection, found, name)
        # executescript would commit the transaction that this is part of.
        for statement in TABLES.split(";\n")[:-1]:
            connection.execute(statement)
        connection.execute(SET_VERSION)


def check(connection: sqlite3.Connection, name: str) -> None:
    """DeviceError unless the file ``name`` has the tables of VERSION, or nothing yet."""
    found = _version(connection)
    if found != VERSION:
        _refuse_unknown(connection, found, name)


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _refuse_unknown(connection: sqlite3.Connection, found: int, name: str) -> None:
    """DeviceError where the file is not empty."""
    if found:
        raise DeviceError(
            f"{name} has schema version {found}; this bench knows {VERSION}; "
            "use the bench that wrote it, or move it away to begin a new one"
        )
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    if tables:
        raise DeviceError(
            f"{name} is a database of something else, with {', '.join(tables[:5])}; "
            "expected a bench history; move it away to begin a new one"
        )
