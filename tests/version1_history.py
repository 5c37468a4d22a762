"""A history as the bench of version 1 wrote it, by that bench's own SQL."""

import json
import sqlite3

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
PRAGMA journal_mode = WAL;
PRAGMA user_version = 1;
"""
ENVIRONMENT = {
    "cpu_model": "Test CPU",
    "cores": 2,
    "load_average": 0.75,
    "memory_bytes": 2**32,
    "system": "Linux 6.1.0-18-amd64 x86_64",
    "python": "3.11.2",
    "versions": {"numpy": "1.26.4", "ai-edge-litert": "2.3.0"},
}
RUN = {
    "id": 3,
    "kind": "run",
    "time_utc": "2024-01-01T00:00:00+00:00",
    "command": "python -m bench run",
    "device": "host",
    "model_id": "tiny",
    "artifact": "int8.tflite",
    "artifact_sha256": "abc",
    "format": "tflite",
    "scheme": "int8",
    "runtime": "litert",
    "runtime_version": "2.3.0",
    "threads": 2,
    "load_ns": 10,
    "prepare_ns": 20,
    "first_inference_ns": 30,
    "peak_rss_bytes": 99,
    "error_kind": None,
    "error_message": None,
    "data": "demo",
    "images": 30,
    "correct": 29,
    "agreeing": 28,
    "environment": json.dumps(ENVIRONMENT),
}
FAILED = RUN | {
    "id": 7,
    "runtime": "tflite-runtime",
    **dict.fromkeys(("runtime_version", "threads", "load_ns", "prepare_ns", "first_inference_ns")),
    **dict.fromkeys(("peak_rss_bytes", "data", "images", "correct", "agreeing")),
    "error_kind": "crashed",
    "error_message": "the runner died of SIGABRT",
}
GATE = RUN | {"id": 8, "kind": "gate", "correct": None, "load_ns": 11}
SAMPLES = {3: [500, 400, 2**40], 7: [], 8: []}


def write(path, rows=(RUN, FAILED, GATE), samples=SAMPLES):
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(row.values()))
    written = [(run_id, json.dumps(times)) for run_id, times in samples.items()]
    connection.executemany("INSERT INTO samples VALUES (?, ?)", written)
    connection.commit()
    connection.close()
