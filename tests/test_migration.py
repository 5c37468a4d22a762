"""A history of an earlier version opens, with nothing lost."""

import json
import sqlite3

import pytest
import version1_history
from history_records import record

from bench.__main__ import main
from bench.history import schema
from bench.history.history import DATABASE, History
from bench.measurement.accuracy import Accuracy
from bench.measurement.environment import Environment
from bench.measurement.record import Record
from bench.measurement.result import Result, RunError, State
from models.command_line.errors import DeviceError

ENVIRONMENT = Environment(
    "Test CPU", 2, 2**32, "Linux 6.1.0-18-amd64", "x86_64", "3.11.2",
    {"numpy": "1.26.4", "ai-edge-litert": "2.3.0"},
)  # fmt: skip


def migrated(run_id, result, accuracy, kind="run", data="demo"):
    return Record(
        kind, f"version-1/{run_id}", "python -m bench run", None, "host", "tiny", "int8.tflite",
        "abc", None, "tflite", "int8", None, result, data, accuracy, ENVIRONMENT, (),
        "2024-01-01T00:00:00+00:00", run_id,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    version1_history.write(tmp_path / "bench.sqlite")
    return tmp_path / "bench.sqlite"


def test_every_run_of_version_1_is_there_with_all_it_had(path):
    records = History(path)
    states = (State(0.0, 0.75),)
    timed = Result(
        "litert", "2.3.0", 2, load_ns=10, prepare_ns=20, first_inference_ns=30,
        samples_ns=(500, 400, 2**40), states=states, peak_rss_bytes=99, images=30,
    )  # fmt: skip
    judged = Result(
        "litert", "2.3.0", 2, load_ns=11, prepare_ns=20, first_inference_ns=30,
        states=states, peak_rss_bytes=99, images=30,
    )  # fmt: skip
    error = RunError("crashed", "the runner died of SIGABRT")
    failed = Result("tflite-runtime", states=states, error=error)
    assert records.get(3) == migrated(3, timed, Accuracy(30, 29, 28))
    assert records.get(7) == migrated(7, failed, None, data=None)
    assert records.get(8) == migrated(8, judged, Accuracy(30, None, 28), kind="gate")
    assert [line.id for line in records.listing(None)] == [8, 7, 3]
    assert [one.id for one in records.newest()] == [3, 7]
    assert records.append(record()) == 9


def brought_to(path, version):
    """``path``, of version 1, as the bench of a later version left it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    for step in schema.STEPS[1:version]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("COMMIT")
    connection.close()
    return path


@pytest.fixture
def path_2(path):
    return brought_to(path, 2)


def test_runs_of_version_2_all_took_turns_with_their_session(path_2, tmp_path):
    version1_history.write(tmp_path / "other.sqlite")
    before = list(History(tmp_path / "other.sqlite").each())
    records = History(path_2)
    found = list(records.each())
    assert found == before and {one.result.turn_group for one in found} == {0}
    assert records.get(records.append(record())).result.turn_group == 2
    records.check()


def test_runs_of_version_3_know_of_no_battery(path):
    records = History(brought_to(path, 3))
    assert [one.result.batteries for one in records.each()] == [()] * 3
    assert len(records.get(records.append(record())).result.batteries) == 2
    records.check()


@pytest.mark.parametrize("version", [2, 3])
def test_a_damaged_history_of_before_is_rescued_as_one_of_this(path, version, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    (path.parent / "results").mkdir()
    brought_to(path, version).rename(DATABASE)
    content = DATABASE.read_bytes()
    assert main(["rescue", "rescued.sqlite"]) == 0
    assert "rescued.sqlite: 3 of 3 runs" in capsys.readouterr().out
    assert DATABASE.read_bytes() == content
    rescued = list(History(path.parent / "rescued.sqlite").each())
    assert rescued == list(History().each()) and len(rescued) == 3


def schema_of(path):
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
    return found.fetchall()


def test_a_migrated_file_has_the_tables_of_a_new_one(path):
    History(path).check()
    History(path.with_name("new.sqlite")).check()
    assert schema_of(path) == schema_of(path.with_name("new.sqlite"))
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("PRAGMA user_version").fetchone() == (4,)


def test_a_migration_that_fails_leaves_the_file_as_it_was(path):
    connection = sqlite3.connect(path)
    odd = json.dumps({"cpu_model": "no more than this"})
    connection.execute("UPDATE runs SET environment = ? WHERE id = 8", (odd,))
    connection.commit()
    before = list(connection.iterdump())
    with pytest.raises(DeviceError, match=r"version 1 .*run 8"):
        History(path).newest()
    assert list(connection.iterdump()) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_the_history_of_a_newer_bench_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.commit()
    before = list(connection.iterdump())
    for use in (lambda: History(path).append(record()), History(path).newest, History(path).check):
        with pytest.raises(DeviceError, match="schema version 7; this bench knows 4"):
            use()
    assert list(connection.iterdump()) == before


def test_a_database_of_something_else_is_refused(tmp_path):
    path = tmp_path / "bench.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.commit()
    with pytest.raises(DeviceError, match="something else, with bookmarks"):
        History(path).append(record())
    assert schema_of(path)[0][1] == "bookmarks" and len(schema_of(path)) == 1
