"""Any input at all ends in an answer or in one of the project's own errors."""

import io
import json
import os
import random
import subprocess
import time
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from broken_inputs import broken_bytes, broken_json
from test_lying_device import JOB, MACHINE, SAID
from tiny_models import write_export

from bench.console import record_table, warning_lines
from bench.devices.phone_facts import battery
from bench.devices.runner_process import RunnerProcess
from bench.devices.settings import read_devices
from bench.gates.limits import read_limits
from bench.history import compare_runs, list_runs, show_run
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.environment import Environment
from bench.measurement.find_warnings import find_warnings
from bench.measurement.minutes import minutes
from bench.measurement.plan import DEFAULT
from bench.measurement.record import Record
from bench.measurement.result import Result
from bench.on_device.job_error import JobError
from bench.on_device.job_format import read_job
from bench.report.page import page
from bench.report.report import collect
from export import earlier_export, summary
from export.artifact import Manifest
from models.checked_json import parse
from models.command_line.errors import CommandError
from models.data.dataset import ImageSize, open_dataset
from quantize.methods.settings import read_settings

SIZE = ImageSize(16, 16, 3)
X = np.random.default_rng(1).integers(0, 256, (6, 16, 16, 3), np.uint8)
Y = np.arange(6) % 3
RESULT = {
    **SAID,
    "samples_ns": list(range(500, 580)),
    "turns": [[n * 100_000_000, 10] for n in range(8)],
    "states": [{**SAID["states"][0], "at_s": float(n)} for n in range(3)],
}
PLAN = asdict(DEFAULT)
JOB_ASKED = {
    "version": 3, "artifact": __file__, "format": "tflite", "runtime": "litert", "threads": 2,
    "affinity": [0, 1], "plan": PLAN, "in_turns": True, "profile": {"runs": 5},
    "unasked": [],
    "images": {"shards": ["a.npy"], "scale": 0.1, "offset": 0.0, "input_scale": None,
               "input_zero_point": None, "output_scale": [0.1, None],
               "output_zero_point": [1, None], "outputs": ["b.npy"]},
}  # fmt: skip
GATE = b"""
[accuracy]\nmax_drop_points = 0.5
[latency]\nmax_slowdown_percent = 10
[speedup]\n"int8.tflite" = 1.0\n[gate]\ninconclusive = "fail"
"""
DEVICES = b"""
[pi4]\ntransport = "ssh"\nhost = "pi@raspberrypi.local"\npython = "python3"\nemulated = false
[phone]\ntransport = "adb"\nserial = "R5CT"\ncache = "/data/local/tmp/x"
"""
EXPORT = b"[int8]\nmin_sqnr_db = 30\nmax_latency_ratio = 1.1\n[verification]\nrounding_factor = 4\n"
DUMPSYS = b"  AC powered: true\n  level: 85\n  scale: 100\n  temperature: 291\nThermal Status: 3\n"


def archives():
    """Good .npz files of several kinds, and some that hold what is no array of numbers."""
    cases = [
        (np.savez, {"x": X, "y": Y}),
        (np.savez_compressed, {"x": X, "y": Y}),
        (np.savez, {"x": np.asfortranarray(X), "y": Y.astype(np.uint8)}),
        (np.savez, {"x": X.astype(np.float16), "y": Y}),
        (np.savez, {"x": np.array([{}, []], object), "y": Y}),
        (np.savez, {"x": np.array(["a", "b"]), "y": Y.astype("M8[s]")}),
        (np.savez, {"x": np.zeros((2, 3), [("a", "f4"), ("é", "u1")]), "y": Y}),
    ]
    for save, arrays in cases:
        file = io.BytesIO()
        save(file, **arrays)
        yield file.getvalue()


ARCHIVES = list(archives())


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(members):
    """An .npz of such .npy files, whatever they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as whole:
        for name, content in members.items():
            whole.writestr(f"{name}.npy", content)
    return file.getvalue()


def broken_archive(chance):
    """An archive that is broken, or a whole one of an array that is."""
    if chance.random() < 0.5:
        return broken_bytes(chance, chance.choice(ARCHIVES))
    x, y = npy(chance.choice((X, np.asfortranarray(X), X.astype(np.float32)))), npy(Y)
    place = slice(0, 128) if chance.random() < 0.7 else slice(0, None)  # the header
    if chance.random() < 0.7:
        x = broken_bytes(chance, x[place]) + x[len(x[place]) :]
    else:
        y = broken_bytes(chance, y[place]) + y[len(y[place]) :]
    return archive({"x": x, "y": y})


def take_archive(content, folder):
    path = folder / "images.npz"
    path.write_bytes(content)
    data = open_dataset(str(path), "DATA", SIZE, 3)
    assert sum(1 for _ in data.images(data.spread(4))) <= 4
    data.content_hash([0])


def take_manifest(content, folder):
    path = folder / "tiny" / "manifest.json"
    path.write_bytes(content)
    found = Manifest.read(path.parent)
    assert {one.name for one in found.artifacts} <= {
        f"{scheme}.{form}" for scheme in ("float32", "int8") for form in ("tflite", "onnx")
    } | {"float16.tflite", "float16.onnx"}
    earlier_export.intact(path.parent, found)
    found.differences({"arch": "v2", "sha256": "x"})
    comparable = [replace(one, fidelity=one.fidelity) for one in found.artifacts if one.fidelity]
    summary.text(replace(found, artifacts=tuple(comparable)), "tiny", True)
    assert Manifest.read(path.parent) == found and json.loads(found.to_json())


def record_of(result, environment):
    return Record(
        "run", "s", "bench", None, "pi", "tiny", "int8.tflite", "abc", 10, "tflite", "int8",
        DEFAULT, result, None, None, environment, find_warnings(result, environment, DEFAULT),
    )  # fmt: skip


def take_record(record, folder):
    """The whole way of a record: into the history and out of it, into every table."""
    os.chdir(folder)
    history = History()
    run_id = history.append(record)
    kept = history.get(run_id)
    line = history.listing(1)
    for wide in (False, True):
        record_table.latency_lines([kept, record], kept, wide)
        list_runs.text(line, wide)
        list(show_run._sections(kept, wide))
    record_table.markdown([kept])
    warning_lines.summed_up([kept])
    warning_lines.failures({"pi": [kept], "host": [kept]})
    compare_runs.unlike(kept, record)
    minutes(kept.result)
    json.dumps(flat_record.as_json(kept, record), allow_nan=False)
    json.dumps(flat_record.whole(kept, True), allow_nan=False)
    if run_id % 100 == 1:
        page(collect(history, [kept], folder / "results"))


def take_result(content, folder):
    """Read what a runner prints as a bench does."""
    path = folder / "printed"
    path.write_bytes(content)
    process = ["cat", str(path)]

    def start():
        return subprocess.Popen(
            process, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    with RunnerProcess(start, JOB, 20.0) as child:
        result = child.finish()
    take_record(record_of(result, Environment.from_dict(MACHINE)), folder)


def take_result_directly(content, folder):
    """The same without a process, which takes most of the time."""
    try:
        result = Result.from_dict(parse(content), JOB)
    except ValueError:
        return
    take_record(record_of(result, Environment.from_dict(MACHINE)), folder)


def take_environment(content, folder):
    try:
        environment = Environment.from_dict(parse(content))
    except ValueError:
        return
    take_record(record_of(Result.from_dict(RESULT, JOB), environment), folder)


def take_classes(content, folder):
    photos = folder / "photos"
    for name in ("ant", "bee", "cat"):
        (photos / name).mkdir(parents=True, exist_ok=True)
        (photos / name / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (photos / "classes.txt").write_bytes(content)
    assert len(open_dataset(str(photos), "DATA", SIZE, 3).class_names) == 3


def take_gate(content, folder):
    (folder / "gate.toml").write_bytes(content)
    read_limits(folder / "gate.toml")


def take_devices(content, folder):
    (folder / "devices.toml").write_bytes(content)
    read_devices(folder / "devices.toml")


def take_export(content, folder):
    (folder / "export.toml").write_bytes(content)
    (folder / "gate.toml").unlink(missing_ok=True)
    read_settings(folder)


def take_job(content, folder):
    read_job(content.decode(errors="replace"))


def take_battery(content, folder):
    text = content.decode(errors="replace")
    found = battery(text, text)
    result = replace(Result.from_dict(RESULT, JOB), batteries=(found, found))
    take_record(record_of(result, Environment.from_dict(MACHINE)), folder)


TAKERS = {
    "archive": take_archive, "manifest": take_manifest, "result": take_result_directly,
    "printed": take_result, "environment": take_environment, "classes": take_classes,
    "gate": take_gate, "devices": take_devices, "export": take_export, "job": take_job,
    "battery": take_battery,
}  # fmt: skip
RARELY = {"printed": 20, "battery": 10}  # one of so many


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_export(tmp_path)
    return tmp_path


@pytest.fixture
def makers(folder):
    """Makers of broken inputs, one of each kind."""
    manifest = json.loads((folder / "tiny" / "manifest.json").read_text())
    figures = {"images": 64, "max_abs_error": 0.1, "max_relative_error": 0.1, "cosine": 0.9,
               "sqnr_db": 30.0, "top1_agreement": 1.0, "tensors": []}  # fmt: skip
    for artifact in manifest["artifacts"]:
        artifact["fidelity"] = figures
        artifact["loads_in"] = {"litert": "ok", "onnxruntime": "no"}
        artifact["partitions"] = {"count": 2, "outside": {"SOFTMAX": 1}}
    tried = {"method": "min-max", "sqnr_db": 20.0, "seconds": 1.0, "float_layers": ["a"],
             "latency_ratio": 1.1, "latency_samples": 5}  # fmt: skip
    manifest["int8"] = {"chosen": "min-max", "min_sqnr_db": 30.0, "methods": [tried]}
    manifest["split"] = {"groups": 2, "split": ["a"], "whole": []}
    manifest["input"] = {"reason": "it says so", "guess": True}
    manifest["outputs"] = [{"name": "p", "shape": [3], "kind": "logits"}]

    def of_json(value):
        def make(chance):
            text = broken_json(chance, value)
            return broken_bytes(chance, text[:100_000]) if chance.random() < 0.1 else text

        return make

    def of_bytes(content):
        return lambda chance: broken_bytes(chance, content)

    return {
        "archive": broken_archive,
        "manifest": of_json(manifest),
        "result": of_json(RESULT),
        "printed": of_json(RESULT),
        "environment": of_json(MACHINE),
        "classes": of_bytes(b"ant\nbee\r\ncat\n"),
        "gate": of_bytes(GATE),
        "devices": of_bytes(DEVICES),
        "export": of_bytes(EXPORT),
        "job": of_json(JOB_ASKED),
        "battery": of_bytes(DUMPSYS),
    }


def take(kind, content, folder):
    """``content`` is taken, or refused by an error of the project, in one line."""
    try:
        with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            TAKERS[kind](content, folder)
    except (CommandError, JobError):
        pass
    except Exception as error:
        shown = content if len(content) < 3000 else content[:1500] + b" ... " + content[-1500:]
        raise AssertionError(f"{kind}: {type(error).__name__}: {error}\n{shown!r}") from error


def test_good_inputs_are_taken(folder, makers):
    """Otherwise nothing that is made of them would get beyond the first check."""
    good = {
        "manifest": (folder / "tiny" / "manifest.json").read_bytes(),
        "result": json.dumps(RESULT).encode(), "printed": json.dumps(RESULT).encode(),
        "environment": json.dumps(MACHINE).encode(), "classes": b"ant\nbee\r\ncat\n",
        "gate": GATE, "devices": DEVICES, "export": EXPORT, "job": json.dumps(JOB_ASKED).encode(),
        "battery": DUMPSYS, "archive": ARCHIVES[0],
    }  # fmt: skip
    for kind, content in good.items():
        TAKERS[kind](content, folder)
    assert good.keys() == TAKERS.keys() == makers.keys()


def test_any_input_ends_in_an_answer_or_an_error_of_our_own(folder, makers):
    for number in range(250):
        for kind, make in makers.items():
            if number % RARELY.get(kind, 1) == 0:
                take(kind, make(random.Random(f"{kind} {number}")), folder)


@pytest.mark.fuzz
def test_any_input_of_a_minute_ends_in_an_answer_or_an_error_of_our_own(folder, makers):
    """Other inputs each time: what fails is printed, and belongs into CORPUS."""
    chance, end = random.Random(), time.monotonic() + 60
    while time.monotonic() < end:
        for kind, make in makers.items():
            if chance.randrange(RARELY.get(kind, 1)) == 0:
                take(kind, make(chance), folder)


DEEP = 100_000
# What once ended in an error of somebody else.
CORPUS = [
    ("gate", b"x = " + b"[" * DEEP),
    ("gate", b"a." * 2000 + b"a = 1"),
    ("gate", b"[accuracy]\nmax_drop_points = 0x" + b"f" * 5000),
    ("gate", b"[accuracy]\nmax_drop_points = " + b"9" * 5000),
    ("devices", b"x = " + b"{a=" * DEEP),
    ("devices", b"[pi]\ntransport = 0x" + b"f" * 5000),
    ("export", b"x = " + b"[" * DEEP),
    ("export", b"[int8]\nmin_sqnr_db = 0x" + b"f" * 5000),
    ("manifest", b"[" * DEEP),
    ("result", b"[" * DEEP),
    ("environment", b'{"cpu_model": ' + b"[" * DEEP),
    ("printed", b"[" * DEEP),
    ("printed", b'{"version": ' + b"9" * 5000 + b"}"),
    ("job", b"[" * DEEP),
    ("classes", b"ant\x0cbee\ncat"),
    ("archive", b"PK\x05\x06" + bytes(18)),
    ("battery", b"level: " + b"9" * 5000),
    ("battery", b"Thermal Status: 99999999999999999999999"),
]


@pytest.mark.parametrize(("kind", "content"), CORPUS)
def test_inputs_that_once_failed(folder, kind, content):
    take(kind, content, folder)


def test_headers_of_arrays_that_lie(folder):
    """They ask for memory before anything is read."""
    x, y = npy(X), npy(Y)
    shape, dtype = b"(6, 16, 16, 3), ", b"'|u1'"
    for old, new in (
        (shape, b"(6, 16, 16, 4), "), (shape, b"(99**99, 1), 3]]"), (shape, b"(-6, 16,16, 3), "),
        (shape, b"(10**9,10**9,), "), (shape, b"'abc', 1,     1:"), (shape, b"(6.0,16,16, 3), "),
        (shape, b"(True,16,16, 3),"), (dtype, b"'|O1'"), (dtype, b"[[[]]"), (dtype, b"'<U9'"),
        (b"\x93NUMPY\x01", b"\x93NUMPY\x03"), (b"\x93NUMPY\x01", b"\x93NUMPY\x09"),
        (b"\x93NUMPY", b"\x80\x04N.xx"), (b"'descr'", b"'descs'"), (b"False", b"0    "),
    ):  # fmt: skip
        path = Path("lies.npz")
        assert x.count(old) == 1
        path.write_bytes(archive({"x": x.replace(old, new), "y": y}))
        with pytest.raises(CommandError):
            open_dataset(str(path), "DATA", SIZE, 3)
