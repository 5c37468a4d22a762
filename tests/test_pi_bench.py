"""The whole way to a Raspberry Pi: connect, make ready, push, run, evaluate, fetch, record, on real
aarch64 programs. What is emulated is the processor alone."""

import json
import subprocess
import sys
import time

import pytest
from commands import environment, run

from bench.history.history import History

pytestmark = [pytest.mark.pi, pytest.mark.timeout(3600)]
FILES = ["float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx"]
RUNTIMES = ("litert", "litert-builtin", "tflite-runtime", "onnxruntime")
IMAGES = 24
# Emulated times mean nothing: a few samples show that they arrive.
SHORT = ("--plan", "quick", "--time-limit", "0.1")


@pytest.fixture(scope="module")
def project(tmp_path_factory, emulated_pi):
    """A folder with the exported demo and a devices.toml."""
    folder = tmp_path_factory.mktemp("project")
    done = run("export", "--arch", "v2", cwd=folder, timeout_s=1800)
    assert done.returncode == 0, done.stderr
    (folder / "devices.toml").write_text(
        f"""[pi4]
transport = "ssh"
host = "{emulated_pi.name}"
ssh_config = "{emulated_pi.ssh_config}"
"""
    )
    return folder


def bench(project, *words, timeout_s=1800):
    return run("bench", *words, cwd=project, timeout_s=timeout_s)


@pytest.fixture(scope="module")
def measured(project):
    """JSON output of ``bench run`` on the device."""
    done = bench(
        project, "run", "--device", "pi4", "--arch", "v2", "--n-eval", IMAGES, *SHORT,
        "--files", ",".join(FILES), "--runtimes", ",".join(RUNTIMES), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# (file, runtime) as the tables have them.
ROWS = [
    (name, runtime)
    for name in FILES
    for runtime in RUNTIMES
    if (runtime == "onnxruntime") == name.endswith(".onnx")
]


def test_every_file_runs_there_and_is_marked_as_emulated(project, measured):
    rows = measured["rows"]
    assert [(row["artifact"], row["runtime"]) for row in rows] == ROWS
    assert not any(row["error"] for row in rows)
    assert {row["device"] for row in rows} == {"pi4"}
    assert all("emulated" in row["caveats"] for row in rows)


def test_its_predictions_are_those_of_keras_and_this_machine(measured):
    """ARM and x86 kernels round differently: floats in the last place, int8 by a step in LiteRT's
    delegate, by several in the other runtimes."""
    for row in measured["rows"]:
        assert row["images"] == IMAGES
        assert row["agreement_with_keras"] >= (0.95 if row["scheme"] == "int8" else 1.0)
    found = {(one["artifact"], one["runtime"]): one for one in measured["host_differences"]}
    assert list(found) == ROWS
    for (name, runtime), one in found.items():
        assert one["images"] == IMAGES and one["against"] == "host"
        if name.startswith("int8"):
            assert one["largest_steps"] <= (2 if runtime == "litert" else 16)
            assert one["agreement"] >= 0.98
        else:
            assert one["largest_difference"] < 1e-4 and one["agreement"] == 1
    columns = {drift["b"] for drift in measured["drift"]}
    assert {f"{name} {runtime} pi4" for name, runtime in ROWS} <= columns


def test_what_the_device_is_is_in_the_records(project, measured, monkeypatch):
    monkeypatch.chdir(project)
    found = History().newest()
    assert len(found) == len(ROWS)
    for record in found:
        remote = record.environment
        assert (
            remote.emulated
            and remote.architecture == "aarch64"
            and "Cortex-A72" in remote.cpu_model
        )
        assert remote.os.startswith("Debian") and remote.cores and remote.memory_bytes > 2**28
        assert record.result.samples_ns and len(record.result.states) >= 2
        assert record.result.runtime_version


def test_a_second_bench_pushes_nothing_again(project, measured):
    done = bench(
        project, "run", "--device", "pi4", "--arch", "v2", "--n-eval", IMAGES, *SHORT,
        "--files", "int8.tflite", "--runtimes", "litert",
    )  # fmt: skip
    assert done.returncode == 0 and "pushing" not in done.stderr
    assert "unpacking" not in done.stderr
    assert "(emulated)" in done.stdout


def test_emulated_times_are_compared_with_nothing(project, measured):
    ids = [str(row["id"]) for row in measured["rows"][:2]]
    compared = bench(project, "compare", *ids)
    assert compared.returncode == 0 and "its times mean nothing" in compared.stdout
    refused = bench(project, "baseline", "--device", "pi4", "--arch", "v2")
    assert refused.returncode == 2 and "is emulated" in refused.stderr


def test_a_reboot_in_the_middle_costs_time_and_nothing_else(project, measured, emulated_pi):
    """It comes back while images are evaluated; those evaluated before are not repeated."""
    words = ["run", "--device", "pi4", "--arch", "v2", "--n-eval", "600", *SHORT, "--json"]
    words += ["--files", "int8.tflite", "--runtimes", "litert"]
    bench = subprocess.Popen(
        [sys.executable, "-m", "bench", *words], cwd=project, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        outputs = emulated_pi.path("/home/pi/.cache/mobilenet-deploy/outputs")
        deadline = time.monotonic() + 300
        while not list(outputs.glob("*/*")) and time.monotonic() < deadline:
            assert bench.poll() is None, bench.stderr.read()
            time.sleep(0.05)
        emulated_pi.reboot(pause_s=3.0)
        stdout, stderr = bench.communicate(timeout=1800)
    finally:
        bench.kill()
    assert bench.returncode == 0, stderr
    assert "the connection broke" in stderr
    (row,) = json.loads(stdout)["rows"]
    assert row["images"] == 600 and row["error"] is None


def test_device_clean_leaves_the_device_as_it_was(project, measured, emulated_pi):
    home = emulated_pi.path("/home/pi")
    assert {path.name for path in home.iterdir()} <= {".cache", ".ssh"}
    assert [path.name for path in (home / ".cache").iterdir()] == ["mobilenet-deploy"]
    done = bench(project, "device-clean", "--device", "pi4")
    assert done.returncode == 0, done.stderr
    assert not list((home / ".cache").iterdir())
    processes = emulated_pi.exec(["ps", "-u", "pi", "-o", "args="]).stdout.splitlines()
    assert not [line for line in processes if "mobilenet-deploy" in line]
