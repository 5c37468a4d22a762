"""The comparison of the two runners of this machine: what is timed, and what it makes of it."""

import pytest

from bench.devices.host import Host
from bench.devices.native.bundle import Bundle
from bench.studies import native_speed
from bench.studies.native_speed import Compared
from models.command_line.errors import CheckFailed

ASKED = ["--model", "tiny.keras", "--pairs", "6", "--seconds", "0.05", "--threads", "1"]


@pytest.fixture
def native(release_runner, monkeypatch):
    words = (str(release_runner), "--libraries", "{folder}")
    made = Bundle("host", "x86_64", release_runner.parent, (), words, {}, "c++")
    monkeypatch.setattr("bench.devices.native.bundle.bundle_for", lambda target, show: made)


def test_each_file_is_run_by_both_runners_in_turns_by_new_processes(
    tiny_project, native, monkeypatch, capsys
):
    jobs, start = [], Host.start
    monkeypatch.setattr(Host, "start", lambda host, job: jobs.append(job) or start(host, job))
    assert native_speed.main(ASKED) in (0, 1)  # how fast they are is not for a test to say
    first, _, *rows = capsys.readouterr().out.splitlines()
    assert first == "tiny, 1 threads, 6 pairs"
    files = ["float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx"]
    assert [row.split()[0] for row in rows] == files and len(jobs) == 4 * 6 * 2
    for row in rows:
        native_ms, python_ms, ratio, low, _, high = row.split()[2:8]
        assert min(map(float, (native_ms, python_ms))) > 0
        assert float(low) <= float(ratio) <= float(high)
    of_one = [job.runtime for job in jobs[:12]]
    assert of_one == ["litert", "litert-native", "litert-native", "litert"] * 3
    assert {(job.in_turns, job.threads, job.plan.precision) for job in jobs} == {(True, 1, 0.0)}


def compared(*ratios):
    return Compared("int8.tflite", "litert", 1.0, 1.0, ratios)


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ((0.99, 1.0, 1.01, 1.0, 1.02, 0.98, 1.0), "holds"),
        ((1.1, 1.12, 1.11, 1.1, 1.09, 1.1, 1.1), "does not hold"),
        ((0.9, 0.91, 0.92, 0.9, 0.9, 0.91, 0.9), "does not hold"),
        ((0.9, 1.1, 1.0, 1.08, 0.93, 1.05, 0.96), "inconclusive"),
    ],
)
def test_the_claim_is_decided_by_the_whole_interval(ratios, verdict):
    one = compared(*ratios)
    assert one.verdict == verdict and min(ratios) <= one.interval.low <= one.ratio
    assert one.ratio <= one.interval.high <= max(ratios)


def test_a_runner_that_is_slower_fails_and_names_the_file(tiny_project, native, monkeypatch):
    monkeypatch.setattr(native_speed, "_compared", lambda job, pairs: compared(*[1.1] * 6))
    monkeypatch.setattr("models.command_line.command.exit_code", lambda work, _: work())
    with pytest.raises(CheckFailed, match=r"not within 3% of the Python runner: int8\.tflite"):
        native_speed.main(ASKED)


def test_wrong_requests_are_one_line(tiny_project, native, capsys):
    for arguments, message in {
        ("--pairs", "5"): "PAIRS is 5; expected 6 to 1000",
        ("--seconds", "0"): "SECONDS is 0; expected above 0, up to 600",
        ("--speed", "1"): "python -m bench.studies.native_speed --help",
        ("--out", "gone"): "make export MODEL=tiny.keras OUT=gone first",
    }.items():
        assert native_speed.main([*ASKED, *arguments]) == 2
        shown = capsys.readouterr()
        assert message in shown.err and shown.err.count("\n") == 1 and shown.out == ""
