"""One bench on several devices: side by side, each for itself, all compared with this machine."""

import json
import os
import signal
import threading
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from bench_runs import QUICK, is_running
from boards import STEP_MORE, Board, runner_with, written

from bench.__main__ import main
from bench.devices import runtimes
from bench.devices.host import Host
from bench.devices.open_devices import OPENED_BY
from bench.engine.shards import Batches
from bench.history.history import History
from bench.measurement.plan import PLANS
from models.command_line.errors import DeviceError

pytestmark = pytest.mark.waits

CHOSEN = ["--runtimes", "litert,onnxruntime"]
FILES = [
    ("float32.tflite", "litert"),
    ("int8.tflite", "litert"),
    ("float32.onnx", "onnxruntime"),
    ("int8.onnx", "onnxruntime"),
]


def bench(device, *more):
    command = ["run", "--model", "tiny.keras", "--data", "data.npz", "--device", device]
    return main([*command, *CHOSEN, *more])


def found(capsys):
    return json.loads(capsys.readouterr().out)


def names(rows):
    return [(row["artifact"], row["runtime"]) for row in rows]


@pytest.fixture
def project(tiny_project, keras_predictions):
    return tiny_project


def test_each_device_has_its_rows_in_the_order_asked_for(project, monkeypatch, capsys):
    boards = written(monkeypatch, Board("pi5"), Board("pi4"))
    assert bench("pi4,host,pi5", "--json") == 0
    rows = found(capsys)["rows"]
    assert [row["device"] for row in rows] == ["pi4"] * 4 + ["host"] * 4 + ["pi5"] * 4
    for device in range(3):
        assert names(rows[4 * device : 4 * device + 4]) == FILES
    assert {row["images"] for row in rows} == {30} and len({row["session"] for row in rows}) == 1
    assert all(row["top1"] == row["agreement_with_keras"] == 1 for row in rows)
    kept = History().newest()
    assert {(one.device, one.id) for one in kept} == {(row["device"], row["id"]) for row in rows}
    assert not any(board.is_open for board in boards)


def test_devices_are_timed_and_evaluated_at_the_same_time(project, monkeypatch, capsys):
    """Neither starts its first job, of times or of answers, before the other does."""
    timed, evaluated = threading.Barrier(2, timeout=60), threading.Barrier(2, timeout=60)

    class Waiting(Board):
        def start(self, job):
            if not self.jobs:
                timed.wait()
            if job.images and not any(one.images for one in self.jobs):
                evaluated.wait()
            return super().start(job)

    written(monkeypatch, Waiting("pi4"), Waiting("pi5"))
    assert bench("pi4,pi5", "--files", "int8.tflite", "--json") == 0
    assert [row["error"] for row in found(capsys)["rows"]] == [None, None]


def test_a_table_is_whole_and_under_its_own_title(project, monkeypatch, capsys):
    about = {"board": "Raspberry Pi 4", "cores": 4, "os": "Debian 12", "python": "3.11.9"}
    versions = {**Host().environment().versions, "onnxruntime": "0.9"}
    emulated = {**about, "versions": versions, "emulated": True}
    written(monkeypatch, Board("pi4", environment_has=emulated), Board("pi5"))
    assert bench("pi4,pi5") == 0
    out = capsys.readouterr().out
    first, *parts = out.split("\n\n")
    assert first.splitlines()[0] == (
        "tiny on pi4, pi5, 2 threads; evaluated on 30 of 30 images of data.npz"
    )
    titles = {part.split(":")[0]: part.splitlines() for part in parts}
    assert titles["pi4"][0] == (
        "pi4: Raspberry Pi 4, 4 cores, Debian 12, Python 3.11.9, onnxruntime 0.9, "
        "emulated: its times mean nothing"
    )
    assert " cores, " in titles["pi5"][0] and "onnxruntime" not in titles["pi5"][0]
    for device in ("pi4", "pi5"):
        heading, *lines = titles[device][1:]
        assert heading.startswith("file") and "median ms" in heading
        assert [tuple(line.split()[:2]) for line in lines[:4]] == FILES
        accuracy = next(part.splitlines() for part in parts if part.startswith(f"on {device}\n"))
        assert [tuple(line.split()[:2]) for line in accuracy[2:]] == FILES
        assert all("100.00%" in line for line in accuracy[2:])


def test_this_machine_is_compared_with_though_it_was_not_asked_for(project, monkeypatch, capsys):
    runner = runner_with(project, STEP_MORE)
    written(monkeypatch, Board('the "old" pi', runner))
    assert bench('the "old" pi', "--json") == 0
    shown = found(capsys)
    assert {row["device"] for row in shown["rows"]} == {'the "old" pi'}
    columns = ["keras", *(f"{f} {r} {d}" for d in ("host", 'the "old" pi') for f, r in FILES)]
    drifts = History().drifts(shown["session"])
    assert list(dict.fromkeys(name for one in drifts for name in (one.a, one.b))) == columns
    assert {one.device for one in History().newest()} == {'the "old" pi'}
    against = shown["host_differences"]
    assert shown["counterparts"] == against  # their former name
    assert names(against) == FILES and {one["against"] for one in against} == {"host"}
    for one in against:
        assert (one["device"], one["images"], one["agreement"]) == ('the "old" pi', 30, 1)
        is_int8 = one["artifact"].startswith("int8")
        # A step of the tiny network's output is 0.5.
        assert one["largest_steps"] == (1 if is_int8 else None)
        assert one["largest_difference"] == (0.5 if is_int8 else 0.0)
    assert main(["run", "--model", "tiny.keras", "--data", "data.npz", *CHOSEN]) == 0
    assert "against host" not in capsys.readouterr().out


def test_the_comparison_is_printed_and_the_matrix_too(project, monkeypatch, capsys):
    written(monkeypatch, Board("pi4", runner_with(project, STEP_MORE)))
    assert bench("host,pi4", "--drift") == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("pi4 against host, the same files on the same images")
    assert [line.split()[-2:] for line in lines[at + 3 : at + 6 : 2]] == [["1", "step"]] * 2
    assert [line.split()[-2:] for line in lines[at + 2 : at + 5 : 2]] == [["100.00%", "none"]] * 2
    at = next(n for n, line in enumerate(lines) if line.startswith("drift on 30 images"))
    rows = [line.split() for line in lines[at + 2 : at + 11]]
    assert rows[0][:2] == ["1", "keras"]
    assert [row[1:4] for row in rows[1:]] == [[*of, d] for d in ("host", "pi4") for of in FILES]


@pytest.fixture
def fewer(project, monkeypatch):
    """A device that has only two of this machine's runtimes by default, as a phone has."""
    monkeypatch.setitem(runtimes.USUAL, "ssh", ("litert", "onnxruntime"))
    return written(monkeypatch, Board("phone"))


ASKED = ["run", "--model", "tiny.keras", "--data", "data.npz", "--files", "int8.tflite,int8.onnx"]
HERE = [("int8.tflite", name) for name in ("litert", "litert-builtin", "tflite-runtime")]
HERE.append(("int8.onnx", "onnxruntime"))
THERE = [HERE[0], HERE[3]]


@pytest.mark.parametrize("device", ["phone,host", "host,phone"])
def test_rows_that_one_device_has_another_may_not_have(fewer, capsys, device):
    assert main([*ASKED, "--device", device, "--profile", "--drift", "--json"]) == 0
    shown = found(capsys)
    of = {
        name: [row for row in shown["rows"] if row["device"] == name] for name in ("host", "phone")
    }
    assert names(of["host"]) == HERE and names(of["phone"]) == THERE
    assert all(row["images"] == 30 and row["top1"] == 1 for row in shown["rows"])
    assert names(shown["host_differences"]) == THERE and shown["lacking"] == []
    columns = list(dict.fromkeys(one[side] for one in shown["drift"] for side in ("a", "b")))
    expected = ["keras", *(f"{f} {r} host" for f, r in HERE), *(f"{f} {r} phone" for f, r in THERE)]
    assert sorted(columns) == sorted(expected)
    assert columns[0] == "keras" and columns[-1].endswith(" phone")
    assert len(shown["profile"]) == 6


def test_a_device_with_fewer_rows_is_compared_with_this_machine_alone(fewer, capsys):
    assert main([*ASKED, "--device", "phone", "--json"]) == 0
    shown = found(capsys)
    assert names(shown["rows"]) == names(shown["host_differences"]) == THERE


def test_a_sustained_run_says_how_many_rows_each_device_has(fewer, capsys):
    assert main([*ASKED, "--device", "phone,host", "--sustained", "0.005"]) == 0
    output = capsys.readouterr().out
    assert "2 on phone, 4 on host x 0.005 minutes, one after the other on each device" in output


def test_explained_is_this_machines_own_run(project, monkeypatch, capsys):
    """Layers are looked into here; the outputs of the device give no pair to explain."""
    asked = []
    monkeypatch.setattr(
        "bench.run.compare_outputs.explanations", lambda *a: asked.extend(a[-1]) or []
    )
    wrong = ("- zero_point) *", "- zero_point) * -")
    written(monkeypatch, Board("pi4", runner_with(project, wrong)))
    assert bench("pi4", "--explain") == 0
    out = capsys.readouterr().out
    assert "the explanation is of its own run of the files, not of that on pi4" in out
    assert asked and not any("pi4" in name for one in asked for name in (one.a, one.b))


def test_a_runtime_that_this_machine_lacks_is_left_out_with_a_note(project, monkeypatch, capsys):
    """The host's own runs come from the table of devices as all others do."""
    lacking = ("import ai_edge_litert as package", "import there_is_none as package")
    source = runner_with(project, *[lacking])
    monkeypatch.setitem(OPENED_BY, "host", lambda settings: nullcontext(Host(source)))
    written(monkeypatch, Board("pi4"))
    assert bench("pi4") == 0
    out = capsys.readouterr().out
    (note,) = [line for line in out.splitlines() if "has no outputs to compare" in line]
    assert "float32.tflite, int8.tflite in litert: missing runtime" in note
    against = out.split("pi4 against host")[1].splitlines()[2:4]
    assert [line.split()[:2] for line in against] == [list(pair) for pair in FILES[2:]]


def test_a_device_that_cannot_be_had_ends_the_command_before_anything_ran(
    project, monkeypatch, capsys
):
    first, _ = written(monkeypatch, Board("pi4"), Board("pi5", unreachable="connection refused"))
    assert bench("pi4,pi5,host") == 3
    shown = capsys.readouterr()
    assert shown.err.splitlines()[-1] == ("error: DEVICE=pi5 cannot be used: connection refused")
    assert shown.out == "" and first.jobs == [] and not first.is_open
    assert History().newest() == []


def test_a_device_that_fails_while_it_is_timed_costs_its_own_rows(project, monkeypatch, capsys):
    class Failing(Board):
        def start(self, job):
            if len(self.jobs) == 2:
                raise DeviceError("pi4: the disk is full")
            return super().start(job)

    written(monkeypatch, Failing("pi4"))
    assert bench("pi4,host", "--json") == 0
    rows = found(capsys)["rows"]
    assert [row["error"] for row in rows[:4]] == ["device failed: pi4: the disk is full"] * 4
    assert all(row["error"] is None and row["images"] == 30 for row in rows[4:])
    assert bench("pi4,host") == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "note: pi4: 4 of 4 rows failed, e.g. int8.onnx in onnxruntime: device failed: pi4: the "
        "disk is full"
    )
    assert bench("pi4") == 3
    assert "all 4 rows failed" in capsys.readouterr().err


def test_a_device_that_fails_while_it_is_evaluated_keeps_its_times(project, monkeypatch, capsys):
    class Failing(Board):
        def start(self, job):
            if job.images and job.artifact.name == "int8.tflite":
                raise DeviceError("pi4: the connection broke")
            return super().start(job)

    written(monkeypatch, Failing("pi4"))
    assert bench("pi4", "--json") == 0
    shown = found(capsys)
    errors = [row["error"] for row in shown["rows"]]
    assert errors == [None, "not judged: pi4: the connection broke", None, None]
    assert all(row["median_ms"] > 0 for row in shown["rows"])
    assert names(shown["host_differences"]) == [FILES[0], *FILES[2:]]


def test_images_that_come_in_batches_are_evaluated_as_a_whole(project, monkeypatch, capsys):
    """All devices are done with a batch before the next one takes its place; a file that failed on
    one is not tried again."""
    tried = []

    class Failing(Board):
        def start(self, job):
            if job.images and job.artifact.name == "int8.onnx":
                tried.append(job.images.count)
                if len(tried) == 2:
                    raise DeviceError("pi4: the connection broke")
            return super().start(job)

    monkeypatch.setattr("bench.engine.shards.SHARD_IMAGES", 12)
    monkeypatch.setattr("bench.engine.evaluation.Batches", partial(Batches, batch_bytes=1))
    _, pi5 = written(monkeypatch, Failing("pi4"), Board("pi5"))
    assert bench("pi4,pi5", "--runtimes", "onnxruntime", "--json") == 0
    shown = found(capsys)
    assert [job.images.count for job in pi5.jobs if job.images] == [12, 12, 12, 12, 6, 6]
    assert tried == [12, 12]
    errors = [row["error"] for row in shown["rows"]]
    assert errors == [None, "not judged: pi4: the connection broke", None, None]
    evaluated = [row for row in shown["rows"] if not row["error"]]
    assert {(row["images"], row["agreement_with_keras"]) for row in evaluated} == {(30, 1)}
    assert {(one["images"], one["agreement"]) for one in shown["host_differences"]} == {(30, 1)}


def test_operators_are_those_of_each_device(project, monkeypatch, capsys):
    written(monkeypatch, Board("pi4"))
    assert bench("pi4,host", "--profile", "--files", "int8.tflite") == 0
    out = capsys.readouterr().out
    assert "int8.tflite in litert on pi4: " in out and "int8.tflite in litert on host: " in out
    assert all(one.result.profile for one in History().newest())


def test_sustained_runs_are_those_of_each_device(project, monkeypatch, capsys):
    written(monkeypatch, Board("pi4"))
    asked = ["--sustained", "0.01", "--files", "int8.tflite"]
    assert bench("pi4,host", *asked, "--json") == 0
    rows = found(capsys)["rows"]
    assert [(row["device"], row["last_over_first"]) for row in rows] == [("pi4", 1), ("host", 1)]
    assert {History().get(row["id"]).device for row in rows} == {"pi4", "host"}
    assert bench("pi4,host", *asked) == 0
    out = capsys.readouterr().out
    assert "int8.tflite in litert on pi4: minute 1" in out


def test_a_gate_and_a_baseline_are_of_one_device(project, monkeypatch, capsys):
    written(monkeypatch, Board("pi4"))
    Path("gate.toml").write_text("[size]\nmax_ratio = 100\n")
    for command in ("gate", "baseline"):
        assert main([command, "--model", "tiny.keras", "--device", "pi4,host"]) == 2
        output = capsys.readouterr().err
        assert "expected one device alone" in output and output.count("\n") == 1


def test_a_gate_runs_on_a_device_and_closes_it(project, monkeypatch, capsys):
    (board,) = written(monkeypatch, Board("pi4"))
    Path("gate.toml").write_text("[size]\nmax_ratio = 100\n")
    typed = ["--model", "tiny.keras", "--data", "data.npz", "--device", "pi4", "--plan", "quick"]
    monkeypatch.setitem(PLANS, "quick", QUICK)
    assert main(["gate", *typed]) == 0
    assert "tiny on pi4" in capsys.readouterr().out
    assert board.jobs and not board.is_open and History().newest() == []


@pytest.mark.parametrize("asked_for", ["plan", "images", "profile"])
def test_ctrl_c_ends_every_runner_and_every_thread(project, monkeypatch, capsys, asked_for):
    """Two devices wait for runners that never answer: while they time, evaluate or profile."""
    (project / "pids").mkdir()
    before = set(threading.enumerate())
    loads = "    session = load_artifact(job, result)\n"
    hangs = (
        "    import os, time\n"
        f"    if job[{asked_for!r}]:\n"
        f"        open({str(project / 'pids')!r} + '/' + str(os.getpid()), 'w').close()\n"
        "        time.sleep(600)\n"
    )
    runner = runner_with(project, (loads, hangs + loads))
    boards = written(monkeypatch, Board("pi4", runner), Board("pi5", runner))

    def pids():
        return [int(path.name) for path in (project / "pids").iterdir()]

    def interrupt():
        while len(pids()) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Thread(target=interrupt, daemon=True)
    waiting.start()
    assert bench("pi4,pi5", "--files", "int8.tflite", "--profile") == 130
    waiting.join()
    assert "interrupted" in capsys.readouterr().err
    assert set(threading.enumerate()) <= before
    assert len(pids()) == 2 and not any(map(is_running, pids()))
    assert not any(board.is_open for board in boards)
    assert len(History().newest()) == (0 if asked_for == "plan" else 2)
