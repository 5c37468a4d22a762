"""The history: what is kept, and what of it can be asked for."""

import math
import sqlite3
from dataclasses import fields, replace

import numpy as np
import pytest
from history_records import ACCURACY, DRIFT, ENVIRONMENT, RESULT, WARNINGS, record, timed

from bench.history.history import History
from bench.measurement.result import Delegate, Result, RunError
from models.command_line.errors import RequestError


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "new" / "bench.sqlite")


def kept(history, **fields):
    """A record in the history, as it is there."""
    made = record(**fields)
    return replace(made, id=history.append(made))


def test_everything_of_a_record_comes_back(history):
    failed = Result(
        "onnxruntime", error=RunError("crashed", "SIGSEGV; 'quoted' \"words\" \N{SNOWMAN}")
    )
    made = [
        record(),
        record(
            result=failed, plan=None, accuracy=None, data=None, commit=None, warnings=(),
            environment=replace(ENVIRONMENT, python=None, board=None, max_khz=(), emulated=False),
        ),
        record(result=replace(RESULT, delegate=Delegate(1, 1, {}), warmup_stable=True)),
    ]  # fmt: skip
    for number, one in enumerate(made, 1):
        assert history.append(one) == number
        back = history.get(number)
        assert back == replace(one, id=number)
        assert repr(back) == repr(replace(one, id=number))  # True is not 1, a tuple is not a list


def test_the_records_of_these_tests_leave_no_field_empty():
    """Otherwise a field that is forgotten would come back equal."""
    for part in (record(id=1), RESULT, ACCURACY, ENVIRONMENT, WARNINGS[0], DRIFT):
        empty = [f.name for f in fields(part) if getattr(part, f.name) in (None, (), "", {})]
        assert empty == (["error"] if part is RESULT else [])


def test_numbers_of_numpy_are_numbers(history):
    figures = replace(ACCURACY, correct=np.int64(29), cosine=np.float32(0.5), flips=())
    run_id = history.append(record(accuracy=figures, artifact_bytes=np.int64(640)))
    back = history.get(run_id)
    assert (back.artifact_bytes, back.accuracy.correct, back.accuracy.cosine) == (640, 29, 0.5)


def test_a_record_without_a_time_gets_that_of_its_writing(history):
    assert history.get(history.append(record(time_utc=""))).time_utc.endswith("+00:00")


def test_a_million_samples_are_kept_in_few_bytes(history):
    samples = np.random.default_rng(1).normal(4e5, 1e4, 1_000_000).astype(int).tolist()
    run_id = history.append(record(result=timed(samples)))
    assert history.get(run_id).result.samples_ns == tuple(samples)
    assert history.path.stat().st_size < 4_000_000


def test_what_is_the_same_is_kept_once(history):
    for artifact in ("int8.tflite", "same-content.tflite"):
        history.append(record(artifact=artifact))
        history.append(record(artifact=artifact, result=replace(RESULT, threads=None)))
    connection = sqlite3.connect(history.path)
    count = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("devices", "artifacts", "series", "runs")
    }
    assert count == {"devices": 1, "artifacts": 1, "series": 4, "runs": 4}


def test_newest_is_one_run_of_each_artifact_runtime_device_and_threads(history):
    kept(history)
    one = kept(history, artifact_sha256="def")
    kept(history, kind="gate")
    kept(history, kind="sustained")
    two = kept(history, result=replace(RESULT, threads=4))
    three = kept(history, device="pi")
    assert history.newest() == [one, two, three]


def test_a_session_is_what_took_turns(history):
    first, _, second = kept(history), kept(history, session="s2"), kept(history, device="pi")
    assert history.session("s1") == [first, second] and history.session("s") == []


def test_the_drift_of_a_session_comes_back(history):
    undefined = replace(DRIFT, a="x", sqnr_db=None, cosine=math.nan)
    history.add_drift([DRIFT, undefined])
    history.add_drift([replace(DRIFT, session="s2")])
    found = history.drifts("s1")
    assert found[0] == DRIFT and repr(found[1]) == repr(undefined) and len(found) == 2
    assert history.drifts("s3") == []


def test_a_baseline_is_all_rounds_of_the_newest_group(history):
    assert history.newest_baseline("host", "tiny") == []
    for session in ("2024-a/1", "2024-a/2", "2024-b0", "2024-ba/1", "2024-b/1", "2024-b/2"):
        for device in ("host", "pi"):
            kept(history, kind="baseline", session=session, device=device)
    kept(history, kind="run", session="2024-b/3")
    found = history.newest_baseline("host", "tiny")
    assert [one.session for one in found] == ["2024-b/1", "2024-b/2"]
    assert {one.device for one in found} == {"host"}
    assert history.newest_baseline("host", "v2") == []


def test_an_unknown_run_is_refused(history):
    for _ in range(2):  # without a file, then with one
        with pytest.raises(RequestError, match="no run 7"):
            history.get(7)
        history.append(record())


def test_reading_makes_no_file(history):
    assert history.newest() == history.listing(20) == history.session("s1") == []
    assert not history.path.parent.exists()


def test_a_listing_is_newest_first_and_filtered(history):
    runs = [
        kept(history),
        kept(history, device="pi"),
        kept(history, kind="gate", result=Result("litert", error=RunError("not_judged", "gone"))),
        kept(history, model_id="v2", accuracy=None),
    ]

    def ids(*arguments, **filters):
        return [line.id for line in history.listing(*arguments, **filters)]

    assert ids(None) == [4, 3, 2, 1] and ids(2) == [4, 3]
    assert ids(9, device="host") == [4, 3, 1] and ids(9, device="host", model_id="tiny") == [3, 1]
    assert ids(1, kind="run") == [4] and ids(9, kind="sustained") == []
    newest, gate, *_, first = history.listing(None)
    assert newest.top1 is None and newest.model_id == "v2"
    assert first.top1 == runs[0].accuracy.top1 and first.warnings == ("throttled", "noisy")
    assert (first.commit, first.session, first.threads) == ("0123abc+", "s1", 2)
    assert gate.error == "not judged: gone" and gate.latency is None and first.error is None
    assert list(history.each(2)) == runs[:1:-1]
    assert history.known() == {
        "model_id": ("tiny", "v2"),
        "device": ("host", "pi"),
        "kind": ("gate", "run"),
    }


def test_lists_of_the_history_look_runs_up_and_never_read_all(history, monkeypatch):
    for device in ("host", "pi"):
        kept(history, device=device)
        kept(history, device=device, kind="baseline", session="b/1")
    history.add_drift([DRIFT])
    statements = []
    connect = sqlite3.connect

    def traced(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    assert history.listing(20) and history.listing(20, "tiny", "host", "run") and history.newest()
    assert history.session("s1")
    assert history.newest_baseline("host", "tiny") and history.drifts("s1") and history.get(1)
    monkeypatch.undo()
    connection = sqlite3.connect(history.path)
    asked = {text for text in statements if text.lstrip().startswith("SELECT")}
    assert len(asked) > 10
    for statement in asked:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        scanned = {step.split()[1] for step in steps if step.startswith("SCAN")}
        assert scanned <= {"series", "CONSTANT"}, (statement, steps)
