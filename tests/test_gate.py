"""The gates, on real files of a tiny network run in the real runtimes."""

import hashlib
import json
import shutil
import subprocess
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tiny_models
from bench_runs import QUICK
from tiny_models import write_export, write_images

from bench.__main__ import main
from bench.devices.open_devices import OPENED_BY
from bench.gates.gate import checked_limits
from bench.gates.limits import Limits, read_limits
from bench.gates.next_steps import NextSteps
from bench.history.history import History
from bench.measurement.latency import Interval, Ratio
from bench.measurement.plan import PLANS
from export.artifact import Manifest
from models.command_line.errors import RequestError
from quantize.graph.graph import Graph

NEXT = NextSteps("make baseline", "make baseline PLAN=thorough", "make gate PLAN=thorough")
ACCURACY = "[accuracy]\nmax_drop_points = 20\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder to run commands in, with a gate.toml, 30 labelled images and a user's model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PLANS, "gate", QUICK)
    (tmp_path / "gate.toml").write_text(ACCURACY)
    (tmp_path / "tiny.keras").touch()  # only its name matters to the gate
    write_images(tmp_path / "data.npz")
    return tmp_path


def gate(*more, command="gate"):
    return main([command, "--model", "tiny.keras", "--data", "data.npz", *more])


def rows(capsys):
    return json.loads(capsys.readouterr().out)["gates"]


def limits(project, text):
    (project / "gate.toml").write_text(text)


def test_int8_that_predicts_what_float32_does_passes(project, capsys):
    write_export(project / "artifacts")
    assert gate() == 0
    shown = capsys.readouterr().out
    assert "int8.tflite" in shown and "int8.onnx" in shown and "2 passed" in shown
    assert "30 of 30 images of data.npz" in shown


def test_int8_that_confuses_two_classes_fails_and_is_named(project, capsys):
    write_export(project / "artifacts", int8_answers=(0, 2, 1))
    assert gate("--json") == 1
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert [row["file"] for row in found["gates"]] == ["int8.tflite", "int8.onnx"]
    assert not found["passed"]
    for row in found["gates"]:
        figures = row["figures"]
        assert row["verdict"] == "FAILED" and figures["float32_top1"] == 1
        assert figures["top1"] == figures["agreement"] == pytest.approx(1 / 3)
        assert figures["drop_points"] == pytest.approx(200 / 3) and figures["images"] == 30
        assert (figures["lost"], figures["gained"]) == (20, 0) and figures["p_value"] < 1e-5
        assert 20 < figures["drop_low_points"] < 200 / 3 < figures["drop_high_points"]
    assert "accuracy of int8.tflite FAILED (66.67 points [47" in shown.err
    assert "at most 20 points" in shown.err and shown.err.rstrip().count("error:") == 1


def test_too_few_images_are_inconclusive_and_it_says_how_many_are_needed(project, capsys):
    """30 images without a flip leave a drop of 11 points possible."""
    write_export(project / "artifacts", formats=("onnx",))
    limits(project, "[accuracy]\nmax_drop_points = 1\n")
    assert gate("--json") == 1
    (row,) = rows(capsys)
    assert row["verdict"] == "inconclusive" and "N=30 is too small, needs about" in row["detail"]
    assert 300 < row["figures"]["images_needed"] < 1000
    limits(project, '[accuracy]\nmax_drop_points = 1\n[gate]\ninconclusive = "pass"\n')
    assert gate() == 0
    assert "1 inconclusive" in capsys.readouterr().out


def test_a_drop_at_the_limit_is_inconclusive_for_any_number_of_images(project, capsys):
    write_export(project / "artifacts", int8_answers=(0, 2, 1), formats=("onnx",))
    limits(project, f"[accuracy]\nmax_drop_points = {100 * 20 / 30!r}\n")
    assert gate("--json") == 1
    (row,) = rows(capsys)
    assert row["verdict"] == "inconclusive" and "the drop is at the limit" in row["detail"]


def test_both_files_are_evaluated_on_the_same_n_eval_images(project, capsys):
    limits(project, "[accuracy]\nmax_drop_points = 50\n")
    write_export(project / "artifacts", formats=("tflite",))
    assert gate("--n-eval", "12", "--json") == 0
    assert rows(capsys)[0]["figures"]["images"] == 12


def test_every_quantized_file_is_compared_with_float32_of_its_format(project, capsys):
    write_export(project / "artifacts", further=[("int8-dynamic", (0, 2, 1))])
    assert gate("--json") == 1
    verdicts = {row["file"]: row["verdict"] for row in rows(capsys)}
    assert verdicts == {
        "int8.tflite": "passed",
        "int8-dynamic.tflite": "FAILED",
        "int8.onnx": "passed",
    }


def test_the_gate_leaves_counts_and_samples_in_the_history(project, capsys):
    write_export(project / "artifacts", formats=("tflite",), int8_answers=(0, 2, 1))
    gate()
    found = list(reversed(list(History().each(kind="gate"))))
    assert [
        (r.artifact, r.accuracy.images, r.accuracy.correct, r.accuracy.agreeing) for r in found
    ] == [("float32.tflite", 30, 30, None), ("int8.tflite", 30, 10, 10)]
    float32, int8 = (record.accuracy for record in found)
    assert int8.sqnr_db < 10 and int8.worst_softmax_change > 0.5 and len(int8.flips) == 10
    assert (
        float32.sqnr_db is None and float32.flips == ()
    )  # it is what the others are compared with
    assert all(len(r.result.samples_ns) >= 7 and r.data == "data.npz" for r in found)
    assert len({r.session for r in found}) == 1
    capsys.readouterr()
    assert main(["show", str(found[1].id)]) == 0
    shown = capsys.readouterr().out
    assert "agreement with float32" in shown and "Keras" not in shown


def test_size_memory_and_coverage_have_limits(project, capsys):
    write_export(project / "artifacts", formats=("tflite",))
    wanted = "[size]\nmax_ratio = {}\n[memory]\nmax_ratio = {}\nmax_mib = {}\n[coverage]\n"
    wanted += "min_int8_share = {}\nmin_delegated_share = {}\n"
    limits(project, wanted.format(100, 100, 1e6, 1, 0))
    assert gate("--json") == 0
    found = rows(capsys)
    kinds = [(row["gate"], row["file"]) for row in found]
    assert kinds == [
        ("delegated", "float32.tflite"), ("delegated", "int8.tflite"), ("int8", "int8.tflite"),
        ("size", "int8.tflite"), ("memory", "float32.tflite"), ("memory", "int8.tflite"),
        ("memory", "int8.tflite"),
    ]  # fmt: skip
    limits(project, wanted.format(0.01, 0.01, 1, 1, 0))
    assert gate("--json") == 1
    failed = [row["gate"] for row in rows(capsys) if row["verdict"] == "FAILED"]
    assert failed == ["size", "memory", "memory", "memory"]


def test_files_with_less_int8_than_asked_for_fail_and_name_the_rest(tmp_path, capsys):
    from bench.gates.coverage_gate import int8_nodes, int8_operators

    assert int8_operators(tiny_models.tflite(int8=True)) == (2, {})
    float_kinds = {"RESHAPE": 1, "FULLY_CONNECTED": 1}
    assert int8_operators(tiny_models.tflite()) == (0, float_kinds)
    assert int8_operators(_with_float_output()) == (2, {})  # a conversion is not counted
    # The tiny ONNX file quantizes its output only.
    assert int8_nodes(tiny_models.onnx(int8=True)) == (1, {"Reshape": 1})


def _with_float_output():
    """The tiny int8 network with a DEQUANTIZE after it."""
    from ai_edge_litert import schema_py_generated as schema

    model = Graph(tiny_models.tflite(int8=True)).unpacked()
    graph = model.subgraphs[0]
    code, operator, tensor = schema.OperatorCodeT(), schema.OperatorT(), schema.TensorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 2
    tensor.name, tensor.shape, tensor.buffer = b"real", [1, 3], 0
    tensor.type = schema.TensorType.FLOAT32
    operator.opcodeIndex = len(model.operatorCodes)
    operator.inputs, operator.outputs = [int(graph.outputs[0])], [len(graph.tensors)]
    model.operatorCodes.append(code)
    graph.tensors.append(tensor)
    graph.operators.append(operator)
    graph.outputs = list(operator.outputs)
    return Graph.packed(model).content


def test_a_file_outside_the_delegate_fails_and_names_its_operators():
    from made_records import result, timed_record

    from bench.gates.coverage_gate import check
    from bench.measurement.result import Delegate

    def row(delegate):
        record = timed_record(result=replace(result([[1, 2]]), delegate=delegate))
        return check({"int8.tflite": record}, Path(), Limits(min_delegated_share=0.9))[0]

    fallen = row(Delegate(40, 20, {"HARD_SWISH": 20}))
    assert fallen.outcome == "FAILED" and "20 HARD_SWISH" in fallen.detail
    assert fallen.found == "40 of 60 ops (67%)" and "20 pieces" in fallen.detail
    assert row(Delegate(64, 1, {"SOFTMAX": 1})).outcome == "passed"
    assert row(None).outcome == "inconclusive"


def test_speedup_is_decided_on_its_interval():
    from made_records import result, timed_record

    from bench.gates.speedup_gate import check, inconclusive

    def outcome(times, at_least):
        float32 = timed_record("float32.tflite", result=result([[100] * 5] * 40))
        int8 = timed_record(result=result([[ns] * 5 for ns in times]))
        both = {"float32.tflite": float32, "int8.tflite": int8}
        asked = Limits(min_speedup={"int8.tflite": at_least, "int8.onnx": 1.0})
        row, other = check(both, asked, NEXT)
        assert other.outcome == "skipped" and "no int8.onnx" in other.detail
        assert bool(inconclusive(both, asked)) == (row.outcome == "inconclusive")
        return row.outcome

    assert outcome([50] * 40, 1.9) == "passed"
    assert outcome([50] * 40, 2.1) == "FAILED"
    assert outcome([90, 110] * 20, 1.05) == "inconclusive"
    assert outcome([90, 110] * 20, 0.95) == "inconclusive"


@pytest.mark.parametrize(("edge", "rounds"), [(0.9, 3), (1.1, 1)])
def test_inconclusive_speedups_take_more_turns(project, capsys, monkeypatch, edge, rounds):
    """Two further rounds where the interval reaches across the limit, none where it does not."""
    write_export(project / "artifacts", formats=("tflite",))
    limits(project, '[speedup]\n"int8.tflite" = 1\n')
    seen = []

    def ratio(a, b):
        seen.append(len(b.turns))
        return Ratio(1.2, Interval(edge, 1.3))

    monkeypatch.setattr("bench.measurement.comparable.ratio", ratio)
    assert gate() == (0 if edge > 1 else 1)
    assert len(list(History().each(kind="gate"))) == 2 * rounds
    assert seen[-1] >= rounds * seen[0] > 0


def test_a_speedup_of_files_that_took_no_turns_is_not_told():
    from made_records import result, timed_record

    from bench.gates.speedup_gate import apart, check, inconclusive

    def records(*groups):
        names = ("float32.tflite", "int8.tflite", "int8-dynamic.tflite")
        return {
            name: timed_record(name, result=result([[50] * 5] * 40, turn_group=group))
            for name, group in zip(names, groups, strict=True)
        }

    asked = Limits(min_speedup={"int8.tflite": 0.5, "int8-dynamic.tflite": 0.5})
    rows = check(records(0, 1, 0), asked, NEXT)
    assert [one.outcome for one in rows] == ["inconclusive", "passed"]
    assert "no turns with float32.tflite" in rows[0].detail
    every = ["float32.tflite", "int8.tflite", "int8-dynamic.tflite"]
    # All of the format, so that the one that did take turns is compared with the same float32.
    assert apart(records(0, 1, 0), asked) == every
    assert sorted(inconclusive(records(0, 1, 0), asked)) == sorted(every)
    assert apart(records(1, 1, 1), asked) == inconclusive(records(1, 1, 1), asked) == []


@pytest.fixture
def no_memory(monkeypatch):
    """A device that holds one runner at a time."""
    monkeypatch.setattr("bench.devices.host.free_memory_bytes", lambda: 1)


def test_where_memory_is_small_the_speedup_is_told_of_more_turns_in_pairs(
    project, capsys, no_memory
):
    write_export(project / "artifacts", formats=("tflite", "onnx"))
    limits(project, '[speedup]\n"int8.tflite" = 0.001\n"int8.onnx" = 0.001\n')
    assert gate("--json") == 0
    assert [row["verdict"] for row in rows(capsys)] == ["passed"] * 2
    groups = [(r.artifact, r.result.turn_group) for r in reversed(list(History().each()))]
    assert dict(groups[:4]) == {
        "float32.tflite": 0, "int8.tflite": 1, "float32.onnx": 2, "int8.onnx": 3
    }  # fmt: skip
    assert dict(groups[4:]) == {
        "float32.tflite": 0, "int8.tflite": 0, "float32.onnx": 1, "int8.onnx": 1
    }  # fmt: skip


def test_where_memory_is_small_a_file_still_takes_turns_with_itself(project, no_memory):
    write_export(project / "artifacts", formats=("tflite",))
    assert gate("--runs", "3", command="baseline") == 0
    stored = History().newest_baseline("host", "tiny")
    groups = [(one.artifact, one.result.turn_group) for one in stored]
    one_round = [("float32.tflite", 0)] * 2 + [("int8.tflite", 1)] * 2
    assert groups == one_round * 3


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder with files, and a baseline of them of three rounds."""
    folder = tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setitem(PLANS, "gate", QUICK)
        (folder / "tiny.keras").touch()
        write_images(folder / "data.npz")
        write_export(folder / "artifacts", formats=("tflite",))
        assert gate("--runs", "3", command="baseline") == 0
    return folder


@pytest.fixture
def with_baseline(project, stored):
    """The project, its files and its baseline being those of ``stored``."""
    shutil.copytree(stored, project, dirs_exist_ok=True)
    limits(project, LATENCY)
    return project


LATENCY = "[latency]\nmax_slowdown_percent = 5\n"


def test_without_a_baseline_latency_is_skipped_and_says_what_to_run(project, capsys):
    limits(project, LATENCY)
    write_export(project / "artifacts", formats=("tflite",))
    assert gate("--json") == 0
    for row in rows(capsys):
        assert (
            row["verdict"] == "skipped"
            and "run make baseline MODEL=tiny.keras DATA=data.npz" in row["detail"]
        )


def test_a_command_to_run_is_a_line_however_long_it_is(project, capsys):
    limits(project, LATENCY)
    out = f"artifacts-{'x' * 100}"
    write_export(project / out, formats=("tflite",))
    assert gate("--out", out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"latency: run make baseline MODEL=tiny.keras DATA=data.npz OUT={out}" in lines


def test_a_baseline_says_how_far_equal_files_are_apart(project, capsys):
    write_export(project / "artifacts", formats=("onnx",))
    assert gate("--runs", "3", "--json", command="baseline") == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert [row["artifact"] for row in found] == ["float32.onnx", "int8.onnx"]
    for row in found:
        assert row["rounds"] == 3 and row["median_ms"] > 0
        assert row["floor_in_turns_percent"] > 0 and row["floor_between_rounds_percent"] > 0


def test_a_baseline_has_pairs_in_every_round_and_keeps_the_files(with_baseline):
    stored = History().newest_baseline("host", "tiny")
    assert len(stored) == 12 and len({record.session for record in stored}) == 3
    assert {record.kind for record in stored} == {"baseline"}
    kept = {path.name for path in (with_baseline / "results" / "baseline").iterdir()}
    assert kept == {f"{record.artifact_sha256}.tflite" for record in stored}


def test_unchanged_files_pass_and_one_slower_than_the_baselines_own_fails(with_baseline, capsys):
    assert gate("--json") == 0
    assert [row["found"] for row in rows(capsys)] == ["unchanged", "unchanged"]
    _slow_int8(with_baseline)
    assert gate("--json") == 1
    float32, int8 = rows(capsys)
    assert float32["found"] == "unchanged" and int8["verdict"] == "FAILED"
    assert int8["figures"]["change_percent"] > 1000 and int8["figures"]["rounds"] == 3


def _slow_int8(project):
    """int8.tflite reads far larger images than before, in a manifest that says so."""
    folder = project / "artifacts" / "tiny"
    manifest = Manifest.read(folder)
    content = slow_tflite()
    (folder / "int8.tflite").write_bytes(content)
    float32, int8 = manifest.artifacts
    int8 = replace(int8, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (folder / "manifest.json").write_text(replace(manifest, artifacts=(float32, int8)).to_json())


def slow_tflite():
    """The tiny network after many more multiplications of its input."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = Graph(tiny_models.tflite()).unpacked()
    graph = model.subgraphs[0]
    dense = graph.operators[-1]
    flat, scores = int(dense.inputs[0]), int(dense.outputs[0])
    wide = 4000
    buffers = [schema.BufferT(), schema.BufferT()]
    buffers[0].data = np.full((wide, tiny_models.PIXELS), 1e-3, np.float32).tobytes()
    buffers[1].data = np.full((tiny_models.PIXELS, wide), 1e-3, np.float32).tobytes()
    model.buffers += buffers
    before = flat
    for n, (shape, kernel) in enumerate((((1, wide), 0), ((1, tiny_models.PIXELS), 1))):
        inside = (tiny_models.PIXELS, wide)[n], (wide, tiny_models.PIXELS)[n]
        for name, of, buffer in (
            (f"kernel{n}", (inside[1], inside[0]), len(model.buffers) - 2 + kernel),
            (f"wide{n}", shape, 0),
        ):
            tensor = schema.TensorT()
            tensor.name, tensor.shape, tensor.buffer = name.encode(), list(of), buffer
            tensor.type = schema.TensorType.FLOAT32
            graph.tensors.append(tensor)
        operator = schema.OperatorT()
        operator.opcodeIndex = dense.opcodeIndex
        operator.builtinOptionsType = dense.builtinOptionsType
        operator.builtinOptions = schema.FullyConnectedOptionsT()
        operator.inputs = [before, len(graph.tensors) - 2, -1]
        operator.outputs = [len(graph.tensors) - 1]
        graph.operators.insert(1 + n, operator)
        before = len(graph.tensors) - 1
    dense.inputs = [before, dense.inputs[1], -1]
    assert scores == int(dense.outputs[0])
    return Graph.packed(model).content


def test_a_lost_copy_of_the_baselines_file_cannot_be_told(with_baseline, capsys):
    _slow_int8(with_baseline)
    for path in (with_baseline / "results" / "baseline").iterdir():
        path.unlink()
    assert gate("--json") == 1
    row = rows(capsys)[1]
    assert row["verdict"] == "inconclusive" and "is gone" in row["detail"]


def test_times_of_then_are_a_reference_too(with_baseline, capsys):
    limits(with_baseline, LATENCY + 'reference = "times"\n')
    _slow_int8(with_baseline)
    assert gate("--json") == 1
    row = rows(capsys)[1]
    assert row["verdict"] == "FAILED" and row["figures"]["change_percent"] > 1000


def test_another_number_of_threads_is_refused_with_both(with_baseline, capsys):
    assert gate("--threads", "1", "--json") == 1
    for row in rows(capsys):
        assert row["verdict"] == "inconclusive" and "threads was 2 and is 1" in row["detail"]


def test_a_runtime_that_does_not_start_is_exit_code_3(project, monkeypatch, capsys):
    from bench.devices.host import Host

    write_export(project / "artifacts")
    monkeypatch.setitem(OPENED_BY, "host", lambda _: nullcontext(Host(Path("/nowhere.py"))))
    assert gate() == 3


def test_junit_and_markdown_say_what_the_table_says(project, capsys):
    write_export(project / "artifacts", int8_answers=(0, 2, 1))
    limits(project, ACCURACY + LATENCY + "[size]\nmax_ratio = 100\n")
    assert gate("--junit", "gate.xml", "--markdown", "gate.md") == 1
    suite = ElementTree.parse("gate.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("8", "2", "4")
    states = {
        (case.get("classname"), case.get("name")): [part.tag for part in case] for case in suite
    }
    assert states["gate.accuracy", "int8.tflite in litert"] == ["failure"]
    assert states["gate.latency", "int8.onnx in onnxruntime"] == ["skipped"]
    assert states["gate.size", "int8.onnx in onnxruntime"] == ["system-out"]
    lines = Path("gate.md").read_text().splitlines()
    assert lines[0] == "### Gate failed: tiny on host"
    assert lines[2] == "2 passed, 2 FAILED, 4 skipped"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 10 and table[2].startswith("| accuracy | `int8.tflite`")
    assert "**FAILED**" in table[2] and "**" not in table[-1].replace("**skipped**", "")


def test_a_passed_gate_says_so_in_markdown(project):
    write_export(project / "artifacts")
    assert gate("--markdown", "gate.md") == 0
    assert Path("gate.md").read_text().startswith("### Gate passed: tiny on host")


def refused(capsys, *message, arguments=()):
    assert gate(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    for words in message:
        assert words in shown.err


def test_a_report_that_cannot_be_written_is_refused_ahead_of_measuring(project, capsys):
    write_export(project / "artifacts")
    refused(capsys, "JUNIT is 'no/x.xml'", arguments=("--junit", "no/x.xml"))
    refused(capsys, "MARKDOWN is '.'", arguments=("--markdown", "."))


def test_without_exported_files_it_says_what_to_run(project, capsys):
    refused(capsys, "make export MODEL=tiny.keras DATA=data.npz")


def test_what_was_exported_is_judged_and_what_was_not_is_skipped(project, capsys):
    manifest = write_export(project / "artifacts")
    kept = tuple(a for a in manifest.artifacts if a.name != "int8.onnx")
    path = project / "artifacts" / "tiny" / "manifest.json"
    path.write_text(replace(manifest, artifacts=kept).to_json())
    gate("--json")
    rows = json.loads(capsys.readouterr().out)["gates"]
    accuracy = [(r["file"], r["verdict"]) for r in rows if r["gate"] == "accuracy"]
    assert accuracy[-1] == ("int8.onnx", "skipped") and accuracy[0][0] == "int8.tflite"


def test_a_file_changed_since_its_export_is_refused(project, capsys):
    write_export(project / "artifacts")
    path = project / "artifacts" / "tiny" / "int8.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    refused(capsys, "int8.tflite is not the file that was exported", "make export")


def test_random_weights_have_no_top1_to_compare(project, capsys):
    write_export(project / "artifacts", model_id="v2-1-224-random")
    random = ["gate", "--weights", "random", "--data", "data.npz"]
    assert main(random) == 2
    shown = capsys.readouterr()
    assert "WEIGHTS=random" in shown.err and shown.out == ""
    limits(project, "[size]\nmax_ratio = 100\n")
    assert main(random) == 0


def test_an_unknown_device_and_plan_name_the_known_ones(project, capsys):
    refused(capsys, "DEVICE is 'pi4'", "host", arguments=("--device", "pi4"))
    refused(capsys, "PLAN is 'long'", "quick default thorough gate", arguments=("--plan", "long"))


def test_no_threads_and_no_images_are_refused(project, capsys):
    write_export(project / "artifacts")
    refused(capsys, "THREADS is 0", arguments=("--threads", "0"))
    refused(capsys, "N_EVAL is 0", arguments=("--n-eval", "0"))


def test_too_few_rounds_of_a_baseline_are_refused(project, capsys):
    assert gate("--runs", "2", command="baseline") == 2
    assert "RUNS is 2; expected 3 to 100" in capsys.readouterr().err


def test_a_wrong_option_is_one_line(project, capsys):
    refused(capsys, "--bogus", arguments=("--bogus", "1"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[accuracy]\nmax_drop_points = '1'\n", "max_drop_points = '1'; expected a number"),
        ("[accuracy]\nmax_drop_points = true\n", "expected a number"),
        ("[accuracy]\nmax_drop_points = nan\n", "expected a number"),
        ("[accuracy]\nmax_drop_points = -1\n", "from 0 to 100"),
        ("[accuracy]\nmax_drop = 1.0\n", "accuracy.max_drop; expected some of"),
        ("[latency]\nratio = 1.0\n", "has latency.ratio"),
        ("[latency]\nreference = 'then'\n", "latency.reference = 'then'; expected file or times"),
        ("[gate]\ninconclusive = 'maybe'\n", "gate.inconclusive = 'maybe'; expected fail or pass"),
        ("[gate]\ncannot_tell = 'fail'\ninconclusive = 'fail'\n", "remove gate.cannot_tell"),
        ("[speedup]\nint8 = 1.0\n", "has speedup.int8; expected some of"),
        ("[speedup]\n'int8.tflite' = 'fast'\n", "expected a number"),
        ("speedup = 1\n", "speedup = 1; expected"),
        ("[coverage]\nmin_int8_share = 1.5\n", "from 0 to 1"),
        ("accuracy = 1\n", "gate.toml has accuracy; expected some of"),
        ("", "gate.toml has no limits"),
        ("[int8]\nmin_sqnr_db = 30\n", "gate.toml has no limits"),
        ("[accuracy\n", "cannot be read as TOML"),
    ],
)
def test_a_wrong_gate_toml_is_refused(project, capsys, text, message):
    limits(project, text)
    refused(capsys, "gate.toml", message)


@pytest.mark.parametrize("text", [None, "", "[accuracy\n"])
def test_without_limits_a_command_that_writes_some_is_advised(project, text):
    limits(project, text or "")
    if text is None:
        (project / "gate.toml").unlink()
    with pytest.raises(RequestError) as refused:
        checked_limits()
    advised = str(refused.value).split("e.g. ")[1]
    subprocess.run(["sh", "-c", advised], check=True)
    assert checked_limits().max_drop_points == 0.5


def test_the_former_name_of_inconclusive_is_read_with_a_note(project, capsys):
    limits(project, "[gate]\ncannot_tell = 'pass'\n")
    assert read_limits().inconclusive == "pass"
    assert "note: gate.cannot_tell of gate.toml is called gate.inconclusive now" in (
        capsys.readouterr().err
    )


def test_the_gate_toml_of_this_project_is_read(request):
    read = read_limits(request.config.rootpath / "gate.toml")
    assert read.max_drop_points == 0.5 and read.min_speedup == {"int8.tflite": 1}
    assert (read.inconclusive, read.latency_reference) == ("fail", "file")
