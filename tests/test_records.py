"""The history: what is kept, what survives, and the report made from it."""

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from commands import ROOT

from bench.__main__ import main
from bench.accuracy import Accuracy
from bench.environment import read_environment
from bench.job import Result, RunError
from bench.record import Record
from bench.records import Records
from models.errors import DeviceError


def record(result=None, **fields):
    result = result or Result("litert", "2.3.0", 2, 10, 20, 30, (5, 4, 6), 99, 30)
    made = Record(
        "run", "python -m bench run", "host", "tiny", "int8.tflite", "abc", "tflite", "int8",
        result, "demo", Accuracy(30, 29, 28), read_environment(), "2024-01-01T00:00:00+00:00",
    )  # fmt: skip
    return replace(made, **fields)


def test_a_record_comes_back_as_it_was(tmp_path):
    records = Records(tmp_path / "new" / "bench.sqlite")
    failed = Result("onnxruntime", error=RunError("crashed", "SIGSEGV"))
    kept = [record(), record(result=failed, accuracy=None, data=None)]
    for one in kept:
        records.append(one)
    assert records.newest() == kept


def test_only_the_newest_timed_record_is_reported(tmp_path):
    records = Records(tmp_path / "bench.sqlite")
    newer = record(artifact_sha256="def")
    for one in (record(), newer, record(kind="gate")):
        records.append(one)
    assert records.newest() == [newer]


def test_a_writer_that_is_killed_loses_nothing_it_finished(tmp_path):
    source = (
        "import sys; sys.path[:0] = sys.argv[2:4]\n"
        "from test_records import record, Records\n"
        "from pathlib import Path\n"
        "while True: print(Records(Path(sys.argv[1])).append(record()), flush=True)\n"
    )
    path = tmp_path / "bench.sqlite"
    command = [sys.executable, "-c", source, str(path), str(ROOT), str(Path(__file__).parent)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    finished = [[writer.stdout.readline() for _ in range(10)] for writer in writers]
    for writer, lines in zip(writers, finished, strict=True):
        writer.kill()
        lines += writer.communicate()[0].splitlines()
    ids = [int(line) for lines in finished for line in lines]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = {i for (i,) in connection.execute("SELECT run_id FROM samples JOIN runs ON id = run_id")}
    assert len(ids) == len(set(ids)) >= 20 and set(ids) <= kept


def test_two_benches_may_make_the_history_at_once(tmp_path):
    path = tmp_path / "bench.sqlite"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(Records(path).append, record()) for _ in range(4)]
        time.sleep(0.3)
        holder.execute("ROLLBACK")
        assert sorted(one.result() for one in waiting) == [1, 2, 3, 4]


def test_a_history_that_cannot_be_used_is_one_line(tmp_path):
    path = tmp_path / "bench.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(DeviceError, match=r"bench\.sqlite cannot be used .*not a database"):
        Records(path).append(record())
    path.unlink()
    Records(path).append(record())
    connection = sqlite3.connect(path)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(DeviceError, match="locked"):
        Records(path, busy_timeout_s=0.1).append(record())
    connection.execute("PRAGMA user_version = 7")
    connection.commit()
    with pytest.raises(DeviceError, match="schema version 7; this bench knows 1"):
        Records(path).newest()
    with pytest.raises(DeviceError, match="cannot be used"):
        Records(path / "below" / "bench.sqlite").append(record())


def test_the_report_is_the_newest_rows_as_markdown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 2
    assert "results/bench.sqlite has no measurement yet; type make bench" in capsys.readouterr().err
    Records().append(record())
    failed = Result("tflite-runtime", error=RunError("crashed", "a|b"))
    Records().append(record(result=failed, accuracy=None))
    assert main(["report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all(line.replace("\\|", "").count("|") == 15 for line in lines)
    assert "| int8.tflite | litert |" in lines[2] and "96.67%" in lines[2]
    assert "error: crashed: a\\|b" in lines[3]
