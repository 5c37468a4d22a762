"""The whole way to a phone: detect, push, run, evaluate, fetch, record, through the real adb, with
the aarch64 native runner. The processor and the phone around it are emulated."""

import json
import shutil
from contextlib import contextmanager

import pytest
from bench_runs import QUICK
from commands import run
from processes import wait_until

from bench.__main__ import main
from bench.devices.native.bundle import bundle_for
from bench.history.history import History
from bench.measurement.plan import PLANS

pytestmark = [pytest.mark.android, pytest.mark.timeout(3600)]
ARCHS = ("v2", "v3-small")
FILES = ["float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx"]
IMAGES = 8
# Emulated times mean nothing: a few samples show that they arrive.
SHORT = ("--plan", "quick", "--time-limit", "0.1", "--n-eval", IMAGES)
TMP = "/data/local/tmp"
AWKWARD_NAME = """the "old" phone; it's $(exit 9)"""
AWKWARD_CACHE = f"""{TMP}/a folder $(exit 9) it's `exit 8` & "so" #*"""
ENDED_S = 30.0  # as promised, however busy this machine is
COMPILERS = ("cmake", "aarch64-linux-gnu-g++")


@pytest.fixture(scope="module")
def only_phone(emulated_phone):
    """The shared phone, which our commands' adb lists, and no other."""
    for program in COMPILERS:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed; tests/device_android/install.sh installs it")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulated_phone.environment.items():
            patch.setenv(name, value)
        yield emulated_phone


@pytest.fixture(scope="module")
def project(tmp_path_factory, only_phone):
    """A folder with the exported demos and a devices.toml."""
    folder = tmp_path_factory.mktemp("project")
    for arch in ARCHS:
        done = run("export", "--arch", arch, cwd=folder, timeout_s=1800)
        assert done.returncode == 0, done.stderr
    settings = {"transport": "adb", "serial": only_phone.serial, "cache": AWKWARD_CACHE}
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "devices.toml").write_text("\n".join([f"[{json.dumps(AWKWARD_NAME)}]", *lines, ""]))
    return folder


def bench(project, *words, timeout_s=1800):
    return run("bench", *words, cwd=project, timeout_s=timeout_s)


def rows_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["rows"]


def names(rows):
    return [(row["artifact"], row["runtime"]) for row in rows]


# v3-small, int8, with two threads on the phone alone; every file of v2 with one on the phone and on
# this machine. As the tables have them.
ROWS = {
    "v2": [
        (name, runtime)
        for name in FILES
        for runtime in (["litert", "litert-builtin"] if "tflite" in name else ["onnxruntime"])
    ],
    "v3-small": [("int8.tflite", "litert"), ("int8.onnx", "onnxruntime")],
}
ASKED = {"v2": ("--device", "android,host", "--threads", 1)}


@pytest.fixture(scope="module")
def measured(project, only_phone):
    """The JSON of ``bench run``, by demo."""
    output = {}
    for arch in ARCHS:
        words = ASKED.get(arch, ("--device", "android"))
        with left_as_it_was(only_phone):
            files = ",".join(dict.fromkeys(name for name, _ in ROWS[arch]))
            done = bench(project, "run", *words, "--arch", arch, *SHORT, "--files", files, "--json")
        assert done.returncode == 0, done.stderr
        output[arch] = json.loads(done.stdout)
    return output


def on_phone(measured, arch):
    return [row for row in measured[arch]["rows"] if row["device"] == "android"]


def wakefulness(phone):
    """The screen's setting and whether doze is on, which decide whether a phone sleeps."""
    asked = "settings get global stay_on_while_plugged_in; dumpsys deviceidle enabled all"
    return phone.exec(["sh", "-c", asked]).stdout


@contextmanager
def left_as_it_was(phone):
    """Nothing runs there soon after the block, and the phone sleeps as it did."""
    before = wakefulness(phone)
    assert before.split() == ["0", "1"]
    yield
    wait_until(lambda: not phone.processes(), ENDED_S)
    assert wakefulness(phone) == before


@pytest.fixture(autouse=True)
def undisturbed(only_phone):
    """Each test leaves the phone as it was."""
    with left_as_it_was(only_phone):
        yield


def test_every_file_runs_there_and_is_marked_as_emulated(measured):
    for arch in ARCHS:
        rows = on_phone(measured, arch)
        assert names(rows) == ROWS[arch]
        assert not any(row["error"] for row in rows)
        assert all(row["median_ms"] > 0 and row["first_inference_ms"] > 0 for row in rows)
        assert all(row["emulated"] and "emulated" in row["caveats"] for row in rows)
        assert all(row["peak_rss_bytes"] > 2**22 for row in rows)


def test_this_machine_is_measured_beside_it_in_one_command(measured):
    here = [row for row in measured["v2"]["rows"] if row["device"] == "host"]
    assert {row["runtime"] for row in here} > {row["runtime"] for row in on_phone(measured, "v2")}
    assert all(row["error"] is None and not row["emulated"] for row in here)
    assert {row["session"] for row in measured["v2"]["rows"]} == {here[0]["session"]}


def test_its_predictions_are_those_of_keras_and_this_machine(measured):
    """ARM and x86 kernels round differently: floats in the last place, int8 by a step in LiteRT's
    delegate, by several in the other runtimes."""
    for arch in ARCHS:
        for row in on_phone(measured, arch):
            assert row["images"] == IMAGES
            # One image of eight at the border of two classes is 12.5 %.
            assert row["agreement_with_keras"] >= (0.75 if row["scheme"] == "int8" else 1.0)
        assert names(measured[arch]["host_differences"]) == ROWS[arch]
        for one in measured[arch]["host_differences"]:
            assert (one["device"], one["against"], one["images"]) == ("android", "host", IMAGES)
            if one["artifact"].startswith("int8"):
                assert one["largest_steps"] <= (2 if one["runtime"] == "litert" else 16)
                assert one["agreement"] >= 0.85
            else:
                assert one["largest_difference"] < 1e-4 and one["agreement"] == 1
        columns = {drift["b"] for drift in measured[arch]["drift"]}
        assert {f"{name} {runtime} android" for name, runtime in ROWS[arch]} <= columns


def test_what_the_phone_is_is_in_the_records(project, measured, monkeypatch):
    monkeypatch.chdir(project)
    versions = bundle_for("aarch64-linux", lambda *_: None).versions
    of_android = [record for record in History().newest() if record.device == "android"]
    assert len(of_android) == sum(map(len, ROWS.values()))
    for record in of_android:
        found, result = record.environment, record.result
        assert found.emulated and (found.os, found.architecture) == ("Android 14", "aarch64")
        assert found.board == "Emulated Emulated Phone" and "Cortex-A76" in found.cpu_model
        assert found.python is None and found.memory_bytes > 2**28
        assert found.max_khz == (1_785_600,) * (found.cores // 2) + (2_419_200,) * -(
            -found.cores // 2
        )
        package = "onnxruntime" if result.runtime == "onnxruntime" else "ai-edge-litert"
        assert result.runtime_version == versions[package]


def test_what_happened_meanwhile_is_in_the_records(project, measured, monkeypatch):
    """Temperatures, frequencies and the battery before and after; the cores that it had."""
    monkeypatch.chdir(project)
    for record in History().newest():
        if record.device != "android":
            continue
        result, cores = record.result, record.environment.cores
        assert result.samples_ns and len(result.states) >= 2
        for state in result.states:
            # The hottest zone, and not that of no temperature.
            assert state.temperature_c == pytest.approx(42.7)
            assert state.frequency_khz == (1_132_800,) * cores
            assert state.governors == ("schedutil",)
        before, after = result.batteries
        assert before == after and (before.level_percent, before.charging) == (84, "USB")
        assert (before.temperature_c, before.thermal_status) == (28.0, 0)
        big = [n for n, khz in enumerate(record.environment.max_khz) if khz == 2_419_200]
        expected = big if len(big) >= result.threads else range(cores)
        assert result.affinity == tuple(expected)


def test_a_second_bench_pushes_nothing_and_says_what_the_phone_has_not(
    project, measured, only_phone
):
    """By its serial this time: the cache is the phone's, whatever it is called."""
    done = bench(
        project, "run", "--device", only_phone.serial, "--arch", "v2", *SHORT,
        "--files", "int8.tflite", "--runtimes", "litert,litert-gpu",
    )  # fmt: skip
    assert done.returncode == 0 and "pushing" not in done.stderr, done.stderr
    title = f"{only_phone.serial}: Emulated Emulated Phone, "
    assert title in done.stdout and ", Android 14, emulated" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("int8.tflite ")]
    assert lines[0].split()[1] == "litert" and "(emulated)" in lines[0]
    # The reason may go on in a next line.
    reason = " ".join(done.stdout.partition("litert-gpu ")[2].split())
    assert reason.startswith("error: missing runtime: litert-gpu is not to be had: no libLiteRt")
    assert "note: 1 of 2 rows failed" in done.stdout


def test_minutes_of_it_are_recorded(project, measured):
    (row,) = rows_of(
        bench(
            project, "run", "--device", "android", "--arch", "v2", "--sustained", "0.02", "--json",
            "--files", "int8.tflite",
        )
    )  # fmt: skip
    assert row["error"] is None and row["last_over_first"] and row["minutes"][0]["samples"]


def test_emulated_times_are_compared_with_nothing(project, measured):
    ids = [str(row["id"]) for row in on_phone(measured, "v2")[:2]]
    compared = bench(project, "compare", *ids)
    assert compared.returncode == 0 and "its times mean nothing" in compared.stdout
    refused = bench(project, "baseline", "--device", "android", "--arch", "v2")
    assert refused.returncode == 2 and "is emulated" in refused.stderr


def test_the_gate_evaluates_the_predictions_of_the_phone(
    only_phone, tiny_project, keras_predictions, monkeypatch, capsys
):
    monkeypatch.setitem(PLANS, "gate", QUICK)
    (tiny_project / "gate.toml").write_text("[accuracy]\nmax_drop_points = 20\n")
    command = ["gate", "--model", "tiny.keras", "--data", "data.npz", "--device", "android"]
    assert main(command) == 0
    output = capsys.readouterr().out
    assert "tiny on android" in output and "2 passed" in output


def test_a_name_and_a_folder_may_have_any_characters(project, measured, only_phone):
    words = ["--device", AWKWARD_NAME]
    done = bench(
        project, "run", *words, "--arch", "v2", *SHORT, "--files", "int8.tflite", "--profile",
        "--json",
    )  # fmt: skip
    (row,) = rows_of(done)
    assert (row["device"], row["error"], row["images"]) == (AWKWARD_NAME, None, IMAGES)
    (profile,) = json.loads(done.stdout)["profile"]
    assert profile["row"] == row["id"]
    assert any(operator["kind"] == "CONV_2D" for operator in profile["operators"])
    assert AWKWARD_CACHE in found_in_tmp(only_phone)
    cleaned = bench(project, "device-clean", *words)
    assert cleaned.returncode == 0, cleaned.stderr
    assert found_in_tmp(only_phone) == [f"{TMP}/mobilenet-deploy"]


def test_of_two_phones_one_is_to_be_chosen(project, measured, only_phone, start_phone):
    other = start_phone(cpu="cortex-a53")
    serials = [only_phone.serial, other.serial]
    only_phone.server.adb("connect", other.serial)
    words = ["--arch", "v2", *SHORT, "--files", "int8.onnx", "--json"]
    try:
        refused = bench(project, "run", "--device", "android", *words)
        assert refused.returncode == 3 and "choose one, e.g. DEVICE=" in refused.stderr
        assert all(serial in refused.stderr for serial in serials)
        both = rows_of(bench(project, "run", "--device", ",".join(serials), *words))
    finally:
        only_phone.server.adb("disconnect", other.serial)
    assert [(row["device"], row["error"], row["images"]) for row in both] == [
        (serial, None, IMAGES) for serial in serials
    ]
    wait_until(lambda: not other.processes(), ENDED_S)


def test_device_clean_leaves_the_phone_as_it_was(project, measured, only_phone):
    assert found_in_tmp(only_phone) == [f"{TMP}/mobilenet-deploy"]
    done = bench(project, "device-clean", "--device", "android")
    assert done.returncode == 0, done.stderr
    assert found_in_tmp(only_phone) == []


def found_in_tmp(phone):
    command = ["find", TMP, "-mindepth", "1", "-maxdepth", "1"]
    return sorted(phone.exec(command).stdout.splitlines())
