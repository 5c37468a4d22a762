"""bench list, show, compare and export: what they print, and what they refuse."""

import csv
import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from history_records import ACCURACY, ENVIRONMENT, RESULT, record

from bench.__main__ import main
from bench.history.history import History
from bench.measurement.latency import latency, unpaired_ratio
from bench.measurement.result import Result, RunError, State, Turn

REAL = replace(ENVIRONMENT, emulated=False)


@pytest.fixture
def history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return History()


def result(median_ms, seed, n=400, turns=20):
    """Seeded noise of 5 % around ``median_ms``."""
    noise = np.random.default_rng(seed).normal(1, 0.05, n)
    samples = (median_ms * 1e6 * noise).astype(int).tolist()
    taken = tuple(Turn(0.2 * turn, n // turns) for turn in range(turns))
    return replace(RESULT, samples_ns=tuple(samples), turns=taken)


def timed(median_ms, seed=0, **fields):
    return record(result=result(median_ms, seed), **{"environment": REAL} | fields)


def shown(capsys, *arguments, code=0):
    assert main(arguments) == code
    return capsys.readouterr()


def refused(capsys, *arguments):
    message = shown(capsys, *arguments, code=2)
    assert message.out == "" and message.err.count("\n") == 1 and message.err.startswith("error: ")
    return message.err


def test_an_empty_history_says_what_to_type(history, capsys):
    for command in (["list"], ["export", "--csv"], ["export", "--json"]):
        assert "no measurement yet; run make bench first" in refused(capsys, *command)
    assert "has no run 1; make list shows" in refused(capsys, "show", "1")
    assert not history.path.exists()


def test_list_has_a_line_for_each_of_the_newest_runs(history, capsys):
    for seed in range(25):
        history.append(timed(2.5, seed))
    failed = Result("tflite-runtime", error=RunError("crashed", "SIGABRT"))
    history.append(record(result=failed, accuracy=None, warnings=(), commit=None))
    lines = shown(capsys, "list").out.splitlines()
    assert lines[0] == "kind run, model tiny, device host"  # of all, and so written once
    assert len(lines) == 22 and [int(line.split()[0]) for line in lines[2:]] == [*range(26, 6, -1)]
    assert lines[2].endswith("error: crashed: SIGABRT") and "n/a" in lines[2]
    cells = lines[3].split()
    assert cells[:5] == ["25", "2024-01-01", "00:00", "int8.tflite", "litert"]
    assert float(cells[5]) == pytest.approx(2.5, rel=0.01)
    assert cells[6:] == ["96.67%", "throttled,", "noisy"]
    wide = shown(capsys, "list", "--limit", "2", "--wide").out.splitlines()[2].split()
    assert wide[3:5] == ["run", "tiny"] and wide[7:9] == ["host", "2"]
    assert 0 < float(wide[10][:-1]) < 5 and wide[12] == "0123abc+"
    rows = json.loads(shown(capsys, "list", "--json", "--limit", "2").out)["runs"]
    assert [row["id"] for row in rows] == [26, 25] and rows[0]["latency"] is None
    kept = history.get(25).result
    assert rows[1]["latency"] == asdict(latency(kept.samples_ns, kept.turns))


def test_list_is_filtered_and_names_what_there_is(history, capsys):
    for fields in ({}, {"device": "pi"}, {"model_id": "v2"}, {"kind": "gate"}):
        history.append(timed(1, **fields))

    def ids(*filters):
        out = shown(capsys, "list", *filters).out
        return [int(n) for line in out.splitlines() if (n := line.split()[0]).isdigit()]

    assert ids("--device", "pi") == [2] and ids("--model", "v2") == [3]
    assert ids("--kind", "gate") == [4] and ids("--model", "tiny", "--kind", "run") == [2, 1]
    message = refused(capsys, "list", "--model", "v9", "--device", "pi")
    assert "no run with --model v9 --device pi" in message and "--model: tiny, v2" in message
    assert "--limit is 0; expected at least 1" in refused(capsys, "list", "--limit", "0")


def test_show_has_everything_of_a_run(history, capsys):
    history.append(timed(2.5))
    out = shown(capsys, "show", "1").out
    for message in (
        "run 1: int8.tflite of tiny in litert on host", "python -m bench run", "0123abc+", "abc",
        "640 bytes", "2.3.0", "400 in 20 turns", "6, not settled", "12.50%", "28 in 2 pieces",
        "1 SOFTMAX, 2 RESHAPE", "30 of demo", "96.67%", "31.25", "dress, red", "a/b 17.png",
        "Test CPU", "Test Board 4", "1800000 2400000", "600 1500", "time_limit_s  5",
        "powersave performance", "47.25", "0x50005", "conv1", "99.44%",
        "2 of 4 cores were slowed down", "cool the board",
        "close what else runs", "0 of 6 (none)", "79       USB", "3 of 6 (severe)", "81       no ",
    ):  # fmt: skip
        assert message in out, message
    assert "run 9" in refused(capsys, "show", "9") and "'x'" in refused(capsys, "show", "x")


def test_show_as_json_leaves_raw_samples_out_until_asked(history, capsys):
    made = timed(2.5)
    history.append(made)
    brief = json.loads(shown(capsys, "show", "1", "--json").out)
    full = json.loads(shown(capsys, "show", "1", "--samples").out)
    assert full["result"].pop("samples_ns") == list(made.result.samples_ns)
    assert full["result"].pop("turns") == [asdict(turn) for turn in made.result.turns]
    assert brief == full and brief["accuracy"]["flips"][0]["item"] == "a/b 17.png"
    assert brief["latency"]["n"] == 400


def test_a_failed_run_is_shown_with_its_error(history, capsys):
    failed = Result("litert", error=RunError("crashed", "SIGABRT"))
    history.append(record(result=failed, plan=None, accuracy=None, data=None, warnings=()))
    out = shown(capsys, "show", "1").out
    assert "crashed: SIGABRT" in out and "plan" not in out and "accuracy" not in out


def test_compare_says_by_how_much_and_whether_beyond_noise(history, capsys):
    history.append(timed(2.0, artifact="float32.tflite"))
    history.append(timed(1.0, seed=1))
    history.append(timed(1.0, seed=2))
    out = shown(capsys, "compare", "1", "2").out
    assert "run 2 is faster than run 1" in out and "beyond the noise" in out
    assert "float32.tflite" in out and "96.67%" in out and "different times" not in out
    found = json.loads(shown(capsys, "compare", "1", "2", "--json").out)
    assert found["ratio"]["value"] == pytest.approx(2, rel=0.02) and found["in_turns"] is True
    assert found["ratio"]["interval"]["low"] < 2 < found["ratio"]["interval"]["high"]
    assert (found["a"]["id"], found["b"]["id"], found["beyond_noise"]) == (1, 2, True)
    assert "no difference beyond the noise" in shown(capsys, "compare", "2", "3").out
    assert json.loads(shown(capsys, "compare", "3", "2", "--json").out)["beyond_noise"] is False


def test_compare_of_two_sessions_is_unpaired_and_says_so(history, capsys):
    history.append(timed(2.0))
    history.append(timed(1.0, seed=1, session="s2"))
    assert "measured at different times" in shown(capsys, "compare", "1", "2").out
    found = json.loads(shown(capsys, "compare", "1", "2", "--json").out)
    expected = unpaired_ratio(history.get(1).result, history.get(2).result)
    assert found["in_turns"] is False and found["ratio"] == asdict(expected)


def test_two_boards_of_one_session_are_not_compared_as_if_they_took_turns(history, capsys):
    """Their turns lie side by side: the first of one has nothing to do with the first of other."""
    history.append(timed(2.0))
    history.append(timed(1.0, seed=1, device='the "new" pi'))
    out = shown(capsys, "compare", "1", "2").out
    first = history.get(1).device
    assert f'measured on two devices, {first} and the "new" pi' in out
    found = json.loads(shown(capsys, "compare", "1", "2", "--json").out)
    expected = unpaired_ratio(history.get(1).result, history.get(2).result)
    assert found["in_turns"] is False and found["ratio"] == asdict(expected)


def test_devices_are_listed_by_names_with_spaces_and_quotes(history, capsys):
    history.append(timed(2.0, device='the "new" pi'))
    history.append(timed(1.0))
    out = shown(capsys, "list", "--device", 'the "new" pi').out
    assert 'the "new" pi' in out and len(out.splitlines()) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"environment": replace(REAL, cpu_model="Other")}, "cpu_model: Test CPU and Other"),
        ({"environment": replace(REAL, cores=2)}, "cores: 4 and 2"),
        ({"environment": replace(REAL, architecture="x86_64")}, "architecture: aarch64 and x86"),
        ({"environment": replace(REAL, system="Linux 7")}, "system: Linux 6.1 and Linux 7"),
        ({"environment": replace(REAL, emulated=True)}, "emulated: False and True"),
        ({"environment": replace(REAL, max_khz=(9,))}, "max_khz: (1800000, 2400000) and (9,)"),
        ({"environment": replace(REAL, os="Other OS")}, "os: Test OS 12 and Other OS"),
        ({"environment": replace(REAL, board="Board 5")}, "board: Test Board 4 µ and Board 5"),
        (
            {"environment": replace(REAL, kernel_architecture="armv7l")},
            "kernel_architecture: aarch64 and armv7l",
        ),
        (
            {"result": replace(result(1, 1), states=(State(0.0, governors=("performance",)),))},
            "governors: ('performance', 'powersave') and ('performance',)",
        ),
        ({"result": replace(result(1, 1), runtime_version="2")}, "litert: 2.3.0 and 2"),
        ({"result": replace(result(1, 1), threads=4)}, "threads: 2 and 4"),
        ({"kind": "sustained"}, "sustained: False and True"),
    ],
)
def test_compare_refuses_unlike_circumstances_with_both_values(history, capsys, fields, message):
    history.append(timed(1))
    history.append(replace(timed(1, 1), **fields))
    assert message in refused(capsys, "compare", "1", "2")


def test_what_one_of_two_runs_does_not_report_is_not_compared(history, capsys):
    """Runs of before it was asked, and machines that do not tell, can still be compared."""
    history.append(timed(1))
    untold = replace(REAL, os=None, kernel_architecture=None, board=None, max_khz=())
    history.append(
        replace(timed(1, 1, environment=untold), result=replace(result(1, 1), states=()))
    )
    assert "run 1 takes" in shown(capsys, "compare", "1", "2").out


def test_another_runtime_is_what_one_compares(history, capsys):
    """Its version differs as well, which does not make the two runs incomparable."""
    history.append(timed(1))
    other = replace(result(1, 1), runtime="onnxruntime", runtime_version="1.31")
    history.append(replace(timed(1, 1), result=other))
    out = shown(capsys, "compare", "1", "2").out
    assert "run 1 takes" in out and "onnxruntime 1.31" in out


def test_what_one_run_does_not_report_is_not_compared(history, capsys):
    history.append(timed(1))
    unknown = replace(REAL, board=None, max_khz=())
    history.append(timed(1, environment=unknown, model_id="v2", artifact="float32.onnx", plan=None))
    assert "run 1 takes" in shown(capsys, "compare", "1", "2").out


def test_compare_without_times_shows_accuracy_alone(history, capsys):
    untimed = replace(RESULT, samples_ns=(), turns=())
    history.append(timed(1))
    history.append(record(result=untimed, environment=REAL, kind="gate"))
    history.append(record(result=untimed, environment=REAL, accuracy=None))
    history.append(timed(1, accuracy=replace(ACCURACY, images=40), data="other"))
    out = shown(capsys, "compare", "1", "2").out
    assert "times as long" not in out and "96.67%" in out and "n/a" in out
    assert "no times or accuracy in common" in refused(capsys, "compare", "1", "3")
    assert "evaluated on different images" in shown(capsys, "compare", "1", "4").out
    assert "has no run 9" in refused(capsys, "compare", "1", "9")


def test_times_of_an_emulated_device_are_not_compared(history, capsys):
    for seed in (1, 2):
        history.append(timed(1, seed, environment=ENVIRONMENT))
    out = shown(capsys, "compare", "1", "2").out
    assert "times as long" not in out and "emulated device: its times mean nothing" in out


def test_export_as_csv_is_one_row_of_figures_a_run(history, capsys):
    made = timed(2.5, command='python -m bench run --data "a, b"')
    history.append(made)
    failed = Result("litert", error=RunError("crashed", "line\nbreak"))
    history.append(record(result=failed, accuracy=None, data=None))
    rows = list(csv.DictReader(io.StringIO(shown(capsys, "export", "--csv").out)))
    assert [row["id"] for row in rows] == ["2", "1"]
    assert rows[0]["error"] == "crashed: line\nbreak" and rows[0]["median_ms"] == ""
    warm = latency(made.result.samples_ns, made.result.turns)
    assert float(rows[1]["median_ms"]) == warm.median_ns / 1e6 and rows[1]["samples"] == "400"
    assert float(rows[1]["median_low_ms"]) == warm.interval.low / 1e6
    assert rows[1]["command"] == made.command and rows[1]["caveats"] == "throttled noisy"
    assert float(rows[1]["top1"]) == ACCURACY.top1 and rows[1]["ops_outside"] == "3"
    assert rows[1]["cpu_model"] == "Test CPU" and rows[1]["session"] == "s1"


def test_export_as_json_is_everything(history, capsys):
    made = timed(2.5)
    for device in ("host", "pi"):
        history.append(replace(made, device=device))
    one, other = json.loads(shown(capsys, "export", "--json", "--samples").out)["runs"]
    assert (one.pop("id"), one.pop("device"), other["device"]) == (2, "pi", "host")
    one.pop("latency")
    assert one.pop("caveats") == one["warnings"]
    expected = json.loads(json.dumps(asdict(made)))
    assert one == {k: v for k, v in expected.items() if k not in ("id", "device")}
    (brief,) = json.loads(shown(capsys, "export", "--json", "--device", "host").out)["runs"]
    assert "samples_ns" not in brief["result"] and brief["latency"]["n"] == 400


def test_export_says_which_form_it_takes(history, capsys):
    assert "--csv --json" in refused(capsys, "export")
    assert "not allowed with" in refused(capsys, "export", "--csv", "--json")
    assert "--samples does not go with --csv" in refused(capsys, "export", "--csv", "--samples")
