"""The native runner as a runtime of this machine."""

import json
import re
import resource
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from boards import Board, written
from processes import wait_until
from test_several_devices import FILES, names
from tiny_models import write_export

from bench.__main__ import main
from bench.devices.free_memory import children
from bench.devices.host import Host
from bench.devices.native.bundle import Bundle
from bench.devices.runner_process import RunnerProcess
from bench.devices.transport.process import started
from bench.engine.turn_groups import footprint_bytes
from bench.history.history import History
from bench.measurement.drift import names as columns
from bench.measurement.job import NATIVE
from models.command_line.errors import DeviceError

RUN = ["run", "--model", "tiny.keras", "--data", "data.npz"]
NATIVE_FILES = [(file, f"{runtime}-native") for file, runtime in FILES]


@pytest.fixture
def native(release_runner, monkeypatch):
    """This machine's bundle, put together by the tests; the targets that were asked for."""
    asked = []
    words = (str(release_runner), "--libraries", "{folder}")

    def bundle_for(target, show):
        asked.append(target)
        show("compiling")
        return Bundle(target, "x86_64", release_runner.parent, (), words, {}, "c++")

    monkeypatch.setattr("bench.devices.native.bundle.bundle_for", bundle_for)
    return asked


def test_its_rows_stand_beside_those_of_python(tiny_project, keras_predictions, native, capsys):
    both = ["--runtimes", "litert,onnxruntime,litert-native,onnxruntime-native"]
    assert main([*RUN, *both, "--drift", "--profile", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    rows = {(row["artifact"], row["runtime"]): row for row in shown["rows"]}
    assert set(rows) == {*FILES, *NATIVE_FILES} and set(native) == {"host"}
    for (file, runtime), row in rows.items():
        assert row["error"] is None and row["images"] == 30 and row["top1"] == 1, (file, runtime)
        python = rows[file, NATIVE.get(runtime, runtime)]
        assert row["runtime_version"] == python["runtime_version"]
        assert History().get(row["id"]).result.profile
    drifts = History().drifts(shown["session"])
    assert columns(drifts) == ["keras", *(f"{f} {r} host" for f, r in rows)]
    assert main([*RUN, "--runtimes", "onnxruntime-native", "--files", "int8.onnx"]) == 0
    for table in capsys.readouterr().out.split("\n\n")[1:3]:
        heading, row = table.splitlines()[:2]
        assert row.split()[:2] == ["int8.onnx", "onnxruntime-native"]
        third = "median ms" if "median ms" in heading else "images"
        assert re.search(r"-native +[\d.]+", row).end() == heading.index(third) + len(third)


def test_the_runner_is_told_the_runtime_by_the_name_that_it_knows(job, tmp_path, monkeypatch):
    script = tmp_path / "runner"
    script.write_text('#!/bin/sh\nread -r job\nprintf "%s" "$job" > "$0.job"\n')
    script.chmod(0o755)
    made = Bundle("host", "x86_64", tmp_path, (), ("{folder}/runner",), {}, "c++")
    monkeypatch.setattr("bench.devices.native.bundle.bundle_for", lambda target, show: made)
    result = Host().run(replace(job, runtime="litert-native"))
    assert result.runtime == "litert-native" and result.error.kind == "garbage"
    assert json.loads((tmp_path / "runner.job").read_text())["runtime"] == "litert"


def test_it_is_built_ahead_of_everything_and_with_progress(tiny_project, monkeypatch, capsys):
    def refused(target, show):
        show("compiling", 3, 26)
        raise DeviceError("no cmake on this machine; run: sudo apt install cmake")

    monkeypatch.setattr("bench.devices.native.bundle.bundle_for", refused)
    monkeypatch.setattr("models.reference.outputs", partial(pytest.fail, "Keras was asked"))
    assert main([*RUN, "--runtimes", "litert,litert-native"]) == 3
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "native runner: compiling 3 of 26",
        "error: no cmake on this machine; run: sudo apt install cmake"
    ]  # fmt: skip
    assert shown.out == "" and History().newest() == []


def test_it_is_not_built_for_who_does_not_ask_for_it(
    tiny_project, keras_predictions, native, capsys
):
    assert main([*RUN, "--files", "int8.tflite"]) == 0
    assert native == [] and "native" not in capsys.readouterr().out


def test_another_device_has_none_of_this_machine(tiny_project, native, monkeypatch, capsys):
    (board,) = written(monkeypatch, Board("pi4"))
    for device in ("pi4", "host,pi4"):
        asked = ["--device", device, "--runtimes", "litert,litert-native"]
        assert main([*RUN, *asked]) == 2
        output = capsys.readouterr().err
        assert output == (
            "error: RUNTIMES has 'litert-native', which is for DEVICE=host alone; for pi4 expected "
            "'litert'\n"
        )
    assert board.jobs == [] and native == []


def test_its_layers_cannot_be_looked_into(tiny_project, native, capsys):
    assert main([*RUN, "--runtimes", "litert-native", "--explain"]) == 2
    output = capsys.readouterr().err
    assert (
        "EXPLAIN reads layers through the Python runtimes" in output and "RUNTIMES=litert" in output
    )
    assert output.count("\n") == 1 and native == []


def test_a_sustained_run_may_be_its_own(tiny_project, native, capsys):
    asked = ["--sustained", "0.01", "--runtimes", "litert-native", "--files", "int8.tflite"]
    assert main([*RUN, *asked, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert names([row]) == [("int8.tflite", "litert-native")] and row["minutes"]


@pytest.mark.parametrize(("form", "runtime"), [("tflite", "litert"), ("onnx", "onnxruntime")])
def test_it_has_no_more_memory_than_is_estimated_and_a_limit(job, tmp_path, native, form, runtime):
    """Of the process that works: the one that we started only guards it."""
    (artifact, *_) = write_export(tmp_path / "out", formats=(form,)).artifacts
    path = tmp_path / "out" / "tiny" / artifact.name
    asked = replace(job, artifact=path, format=form, runtime=f"{runtime}-native", in_turns=True)
    with Host().start(asked) as child:
        assert child.is_ready()
        (worker,) = children(child.pid)
        rollup = Path(f"/proc/{worker}/smaps_rollup").read_text()
        limit, _ = resource.prlimit(worker, resource.RLIMIT_DATA)
    own_kib = int(re.search(r"^Private_Dirty: +(\d+)", rollup, re.M)[1])
    estimated = footprint_bytes(asked)
    assert 0.1 * estimated < own_kib * 1024 < estimated
    assert limit != resource.RLIM_INFINITY


def test_what_a_runner_has_started_already_is_limited_too(job, tmp_path, monkeypatch):
    script = tmp_path / "runner"
    lines = "sleep 600 &", 'echo $! > "$0.pid"', '> "$0.ready"', "read -r job", "wait"
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)

    def late():
        process = started([str(script)])
        wait_until((tmp_path / "runner.ready").exists)
        return process

    monkeypatch.setattr("bench.devices.free_memory.free_memory_bytes", lambda: 2**30)
    with RunnerProcess(late, job):
        pid = int((tmp_path / "runner.pid").read_text())
        assert resource.prlimit(pid, resource.RLIMIT_DATA)[0] == 2**30 * 9 // 10
