"""The tables of the history, which users' own queries rely on, and files that have others."""

import sqlite3
from dataclasses import replace

import pytest
from history_records import RESULT, record

from bench.history.history import History
from bench.history.schema import ADDED
from models.command_line.errors import DeviceError

TABLES_OF_VERSION_4 = """
accuracy: run_id images correct agreeing correct_top5 sqnr_db cosine mean_softmax_change
    worst_softmax_change
artifacts: id sha256 bytes format scheme
batteries: run_id position level_percent charging temperature_c thermal_status
caveats: run_id position kind message advice
classes: run_id position label name images keras_correct correct
devices: id name environment
drift: id session a b images agreeing sqnr_db cosine mean_softmax_change worst_softmax_change
flips: run_id position index item label keras said certainty
profile: run_id position name kind mean_ns delegated
runs: id series_id device_id artifact_id session time_utc command git_commit plan runtime_version
    os_threads affinity load_ns prepare_ns first_inference_ns warmup_runs warmup_stable
    others_share stolen_share peak_rss_bytes delegate images error_kind error_message data
    turn_group unanswered cpu_quota
samples: run_id samples_ns turn_start_s turn_samples
series: id model_id artifact runtime device kind threads
states: run_id position at_s load_average governors frequency_khz temperature_c throttled
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bench.sqlite"


def test_the_tables_and_columns_are_those_of_version_4(path):
    History(path).append(record())
    connection = sqlite3.connect(path)
    names = [
        n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    columns = {
        name: [column[1] for column in connection.execute(f"PRAGMA table_info({name})")]
        for name in names
    }
    expected = TABLES_OF_VERSION_4.replace("\n    ", " ").strip().splitlines()
    assert [f"{name}: {' '.join(columns[name])}" for name in sorted(names)] == expected
    assert connection.execute("PRAGMA user_version").fetchone() == (4,)


@pytest.mark.parametrize("version", [3, 7])
def test_the_history_of_another_version_is_refused(path, version):
    History(path).append(record())
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    before = list(connection.iterdump())
    for use in (lambda: History(path).append(record()), History(path).newest, History(path).check):
        with pytest.raises(DeviceError, match=f"schema version {version}; this bench knows 4"):
            use()
    assert list(connection.iterdump()) == before


def test_a_database_of_something_else_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.commit()
    before = list(connection.iterdump())
    with pytest.raises(DeviceError, match="something else, with bookmarks"):
        History(path).append(record())
    assert list(connection.iterdump()) == before


def test_a_file_that_an_earlier_bench_of_this_version_wrote_is_read_and_added_to(path):
    made = record(result=replace(RESULT, unanswered=(), cpu_quota=None))
    History(path).append(made)
    connection = sqlite3.connect(path)
    for name in ADDED:
        connection.execute(f"ALTER TABLE runs DROP COLUMN {name}")
    connection.commit()
    before = list(connection.iterdump())
    assert History(path).get(1) == replace(made, id=1)
    assert list(connection.iterdump()) == before
    assert History(path).get(History(path).append(record())) == record(id=2)
    assert History(path).get(1) == replace(made, id=1)
