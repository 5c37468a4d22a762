"""Answers of a device are checked where they are read; what is stored wrongly costs one run."""

import json
import sqlite3
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from history_records import DRIFT, record

from bench.__main__ import main
from bench.devices.host import RUNNER, Host
from bench.devices.open_devices import OPENED_BY
from bench.history.history import History
from bench.measurement import output_arrays
from bench.measurement.environment import Environment
from bench.measurement.job import Job
from bench.measurement.result import CpuQuota, Result, RunFailed
from models.naming import LONGEST_NAME, safe_name

JOB = Job("x.tflite", "tflite", "litert", 2)
SAID = {
    "version": 3, "runtime": "litert", "runtime_version": "2.3.0", "threads": 2, "os_threads": 3,
    "affinity": [0, 1], "load_ns": 10, "prepare_ns": None, "first_inference_ns": 30,
    "warmup_runs": 6, "warmup_stable": True, "samples_ns": [500, 400, 600],
    "turns": [[0, 2], [9, 1]],
    "states": [{"at_s": 0.0, "load_average": 0.5, "governors": ["powersave"],
                "frequency_khz": [600_000], "temperature_c": 47.25, "throttled": 0}],
    "others_share": 0.1, "stolen_share": 0.0, "peak_rss_bytes": 99, "images": 0,
    "delegate": {"inside": 3, "pieces": 1, "outside": {"SOFTMAX": 1}},
    "profile": [{"name": "a", "kind": "b", "mean_ns": 1.0, "delegated": None}], "error": None,
}  # fmt: skip
MACHINE = {
    "cpu_model": "Test CPU", "cores": 4, "memory_bytes": 2**31, "system": "Linux 6.1",
    "os": None, "architecture": "aarch64", "kernel_architecture": "aarch64", "python": "3.11.2",
    "versions": {"numpy": "2.0"}, "board": None, "max_khz": [1_800_000], "emulated": False,
    "governor_settable": False,
}  # fmt: skip
QUOTA = {"cores": 1.5, "file": "/sys/fs/cgroup/cpu.max", "throttled_periods": 3, "throttled_ns": 7}
WRONG = {
    "affinity": ["all", [-1], ["0"], {}],
    "threads": ["2", -1, 1.5, 2**63, True],
    "load_ns": ["fast", -1, 1e300, True],
    "samples_ns": [
        [0, 1, 1],
        [-1, 1, 1],
        [1, 2],
        ["1", 2, 3],
        {"a": 1},
        [2**63, 1, 1],
        [1e3, 1, 1],
    ],
    "turns": [[], [[0, 2]], [[0, 4], [1, -1]], [[0]], ["ab"], [[10**400, 3]], [["0", 3]], 7],
    "states": [[None], [{"at_s": "now"}], [{"at_s": 0.0, "frequency_khz": 7}], [{}], "x"],
    "others_share": [7, -0.1, "much", float("nan")],
    "delegate": [{"inside": 1}, [1], {"inside": -1, "pieces": 1, "outside": {}}],
    "profile": [[{"name": "a"}], "x", [{"name": 1, "kind": "b", "mean_ns": 1, "delegated": None}]],
    "error": ["bad", {"kind": "crashed"}, {"kind": 3, "message": "x"}, {"kind": "x", "message": 4}],
    "runtime_version": [3, ["2"]],
    "unanswered": [["heat"], [7], "x", 7, {"vcgencmd": 1}],
    "cpu_quota": [
        [],
        {},
        "x",
        {"cores": 1},
        {"cores": 1, "file": 2},
        *({**QUOTA, "cores": cores} for cores in (0, -1, "1", True, 2**20, float("nan"))),
        *({**QUOTA, "throttled_periods": count} for count in (-1, 1.5, 2**63, None)),
        {**QUOTA, "throttled_ns": -1},
        {**QUOTA, "period": 1},
    ],
    "batteries": [[]],
    "colour": ["blue"],
    "version": [2, "3", None],
}


def test_what_an_honest_device_says_is_taken():
    assert Result.from_dict(SAID, JOB).samples_ns == (500, 400, 600)
    assert Environment.from_dict(MACHINE).memory_bytes == 2**31


def test_what_an_older_runner_does_not_say_is_not_known():
    newer = Result.from_dict({**SAID, "unanswered": ["thermal"], "cpu_quota": QUOTA}, JOB)
    assert newer.unanswered == ("thermal",) and newer.cpu_quota == CpuQuota(**QUOTA)
    for older in (SAID, {**SAID, "unanswered": None, "cpu_quota": None}):
        made = Result.from_dict(older, JOB)
        assert (made.unanswered, made.cpu_quota) == ((), None)
    assert Environment.from_dict(MACHINE).cpu_quota_cores is None


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_of_a_result_is_no_result(name):
    for value in WRONG[name]:
        with pytest.raises(ValueError) as refused:
            Result.from_dict({**SAID, name: value}, JOB)
        assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


@pytest.mark.parametrize("name", ["affinity", "samples_ns", "turns", "states", "error"])
def test_a_result_without_a_field_names_it(name):
    with pytest.raises(ValueError, match=name):
        Result.from_dict({key: value for key, value in SAID.items() if key != name}, JOB)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_bytes", "2 GiB"),
        ("memory_bytes", -1),
        ("cores", 0),
        ("cores", "four"),
        ("max_khz", ["fast"]),
        ("max_khz", None),
        ("versions", {"numpy": 2}),
        ("versions", []),
        ("emulated", "no"),
        ("cpu_model", None),
        ("cpu_model", "x" * 5000),
        ("board", 4),
        ("cpu_quota_cores", -1),
        ("cpu_quota_cores", "two"),
        ("colour", "blue"),
    ],
)
def test_a_wrong_field_of_an_environment_is_named(name, value):
    with pytest.raises(ValueError, match=f"no environment: .*{name}"):
        Environment.from_dict({**MACHINE, name: value})


def test_half_a_surrogate_pair_does_not_come_in():
    """No file, database or terminal would take it."""
    made = Environment.from_dict({**MACHINE, "cpu_model": "a\udcffb"})
    assert made.cpu_model == "a\N{REPLACEMENT CHARACTER}b"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def execute(*statement):
    connection = sqlite3.connect(History().path)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(*statement)
    connection.commit()
    connection.close()


STORED = {
    "an environment": "UPDATE devices SET environment = replace(environment, '8589934592', "
    "'\"2 GiB\"') WHERE name = 'bad'",
    "an environment that is a list": "UPDATE devices SET environment = '[]' WHERE name = 'bad'",
    "a count that is text": "UPDATE runs SET os_threads = 'many' WHERE id = 2",
    "a list that nests": f"UPDATE runs SET affinity = '{'[' * 100_000}' WHERE id = 2",
    "a share that is text": "UPDATE runs SET others_share = 'some' WHERE id = 2",
    "no images": "UPDATE accuracy SET images = 0 WHERE run_id = 2",
    "a time that is bytes": "UPDATE runs SET time_utc = x'00ff' WHERE id = 2",
    "a source that there is not": "UPDATE runs SET unanswered = '[\"heat\"]' WHERE id = 2",
    "a quota of no cores": 'UPDATE runs SET cpu_quota = \'{"cores": 0, "file": "x"}\' WHERE id = 2',
    "a state that is text": "UPDATE states SET temperature_c = 'hot' WHERE run_id = 2",
}


@pytest.mark.parametrize("damage", STORED)
def test_what_is_stored_wrongly_costs_its_own_run_alone(here, capsys, damage):
    good, bad = record(environment=replace(record().environment, emulated=False)), None
    bad = replace(good, device="bad")
    assert [History().append(one) for one in (good, bad, good)] == [1, 2, 3]
    execute(STORED[damage])
    for command in (
        ["list"], ["list", "--json"], ["show", "1"], ["compare", "1", "3"], ["export", "--csv"],
        ["export", "--json"], ["report"], ["report", "--markdown"], ["report", "--json"],
    ):  # fmt: skip
        assert main(command) == 0, (command, capsys.readouterr().err)
        shown = capsys.readouterr()
        assert shown.out and shown.err.count("\n") <= 3
        if command[0] in ("export", "report"):
            assert "note: run 2 of results/bench.sqlite is left out" in shown.err
    if damage != "a time that is bytes":
        assert main(["show", "2"]) == 3
        assert "run 2" in capsys.readouterr().err


@pytest.mark.parametrize("model_id", ["x" * 300, "../../secret", "/etc/passwd", "a\0b", "a\nb"])
def test_a_name_of_a_model_that_is_none_of_ours_breaks_no_report(here, capsys, model_id):
    (here / "results").mkdir()
    (here / "secret-calibration.svg").write_text("<svg>secret</svg>")
    History().append(record(model_id=model_id))
    for command in (["report"], ["report", "--markdown"], ["list"]):
        assert main(command) == 0, capsys.readouterr().err


def test_a_drift_that_is_stored_wrongly_is_left_out(here, capsys):
    History().append(record(environment=replace(record().environment, emulated=False)))
    History().add_drift([DRIFT, replace(DRIFT, b="other")])
    execute("UPDATE drift SET images = 0 WHERE id = 2")
    assert History().drifts("s1") == [DRIFT] and main(["report"]) == 0


def test_a_long_name_of_a_model_becomes_one_that_file_systems_take():
    one, other = (safe_name("n" * 250 + end) for end in "ab")
    assert len(one) == LONGEST_NAME and one != other and safe_name(one) == one
    assert safe_name("short") == "short"


def test_outputs_that_are_no_array_are_a_failed_run(tmp_path):
    path = tmp_path / "0.npy"
    np.save(path, np.zeros((3, 4), np.float32))
    assert output_arrays.images(path) == 3
    whole = path.read_bytes()
    broken = [
        b"", b"\x93NUMPY", whole[:40], whole[:-1], b"PK\x03\x04", whole.replace(b"<f4", b"<f8"),
        whole.replace(b"(3, 4)", b"(3, ]]"), whole.replace(b"(3, 4)", b"(-3,4)"),
        whole.replace(b"<f4", b"|O0"), whole.replace(b"(3, 4), ", b"(9**9,),"), b"\x80\x04N.",
    ]  # fmt: skip
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(RunFailed) as refused:
            output_arrays.opened(path)
        assert "\n" not in str(refused.value)


LIAR = """
import json, subprocess, sys
runner = [sys.executable, {runner!r}]
if "--environment" in sys.argv:
    sys.exit(subprocess.call([*runner, "--environment"]))
line = sys.stdin.readline()
job = json.loads(line)
images = job["images"]
if "int8" in job["artifact"] and (images is not None) == {late}:
    for path in images["outputs"] if images else ():
        open(path, "wb").write({outputs!r})
    print({said!r}, flush=True)
    sys.exit()
honest = subprocess.Popen(runner, stdin=subprocess.PIPE, text=True, bufsize=1)
honest.stdin.write(line)
for line in sys.stdin:
    honest.stdin.write(line)
honest.stdin.close()
sys.exit(honest.wait())
"""
LIES = {
    "text for a number": {**SAID, "peak_rss_bytes": "2 GiB"},
    "no time at all": {**SAID, "samples_ns": [0, 0, 0]},
    "an endless number": {**SAID, "states": [{**SAID["states"][0], "at_s": 1e308}]},
    "half a surrogate pair": {**SAID, "error": {"kind": "\ud800", "message": "\x1b[2J\udcff"}},
}


@pytest.mark.slow
@pytest.mark.parametrize("lie", LIES)
def test_a_runner_that_lies_about_one_file_costs_its_row_alone(
    tiny_project, keras_predictions, monkeypatch, capsys, lie
):
    liar = tiny_project / "liar.py"
    said = json.dumps(LIES[lie])
    liar.write_text(LIAR.format(runner=str(RUNNER), said=said, late=False, outputs=b""))
    monkeypatch.setitem(OPENED_BY, "host", lambda settings: nullcontext(Host(liar)))
    asked = ("--model", "tiny.keras", "--data", "data.npz", "--runtimes", "litert")
    assert main(["run", *asked, "--files", "float32.tflite,int8.tflite"]) == 0
    shown = capsys.readouterr()
    assert "note: 1 of 2 rows failed" in shown.out and "\x1b" not in shown.out + shown.err
    for command in (["list"], ["show", "2"], ["report"], ["report", "--markdown"]):
        assert main(command) == 0
    assert [one.result.error is None for one in History().newest()] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [b"", b"no array", "float64", "too wide"])
def test_outputs_that_lie_cost_the_accuracy_of_their_row_alone(
    tiny_project, keras_predictions, monkeypatch, capsys, outputs
):
    if isinstance(outputs, str):
        shape = (30, 3) if outputs == "float64" else (30, 4)
        np.save("x.npy", np.zeros(shape, np.float64 if outputs == "float64" else np.float32))
        outputs = (tiny_project / "x.npy").read_bytes()
    said = {**SAID, "images": 30, "samples_ns": [], "turns": []}
    liar = tiny_project / "liar.py"
    written = LIAR.format(runner=str(RUNNER), said=json.dumps(said), late=True, outputs=outputs)
    liar.write_text(written)
    monkeypatch.setitem(OPENED_BY, "host", lambda settings: nullcontext(Host(liar)))
    asked = ("--model", "tiny.keras", "--data", "data.npz", "--runtimes", "litert")
    assert main(["run", *asked, "--files", "float32.tflite,int8.tflite"]) == 0
    assert "note: 1 of 2 rows failed" in capsys.readouterr().out
    float32, int8 = History().newest()
    assert float32.accuracy.top1 == 1 and int8.accuracy is None
