"""The accuracy gate, on real files of a tiny network run in the real runtimes."""

import json
import math
import sqlite3
from dataclasses import replace

import pytest
from tiny_models import write_export, write_images

from bench.__main__ import main
from models.errors import RequestError
from quantize.limits import Limits, read_limits

LIMITS = "[accuracy]\nmax_drop_points = 1.0\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder to run commands in, with a gate.toml, 30 labelled images and a user's model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(LIMITS)
    (tmp_path / "tiny.keras").touch()  # only its name matters to the gate
    write_images(tmp_path / "data.npz")
    return tmp_path


def gate(*more):
    return main(["gate", "--model", "tiny.keras", "--data", "data.npz", *more])


def test_int8_that_answers_as_float32_passes(project, capsys):
    write_export(project / "artifacts")
    assert gate() == 0
    shown = capsys.readouterr().out
    assert "tflite" in shown and "onnx" in shown and "passed" in shown and "30 of 30" in shown


def test_int8_that_confuses_two_classes_fails_and_is_named(project, capsys):
    write_export(project / "artifacts", int8_answers=(0, 2, 1))
    assert gate("--json") == 1
    shown = capsys.readouterr()
    rows = json.loads(shown.out)["gates"]
    assert [row["format"] for row in rows] == ["tflite", "onnx"]
    for row in rows:
        assert row["float32_top1"] == 1 and row["int8_top1"] == pytest.approx(1 / 3)
        assert row["drop_points"] == pytest.approx(200 / 3) and row["images"] == 30
        assert row["agreement"] == pytest.approx(1 / 3) and not row["passed"]
    assert "tflite: int8 loses 66.67 points" in shown.err and "allows 1" in shown.err


def test_a_drop_of_exactly_the_limit_passes(project):
    write_export(project / "artifacts", int8_answers=(0, 2, 1), formats=("onnx",))
    drop_points = 100 * 20 / 30
    for limit, code in ((drop_points, 0), (math.nextafter(drop_points, 0), 1)):
        (project / "gate.toml").write_text(f"[accuracy]\nmax_drop_points = {limit!r}\n")
        assert gate() == code


def test_both_files_are_judged_on_the_same_n_eval_images(project, capsys):
    write_export(project / "artifacts", formats=("tflite",))
    assert gate("--n-eval", "12", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["gates"]
    assert row["images"] == 12


def test_the_gate_leaves_its_counts_in_the_history(project):
    write_export(project / "artifacts", formats=("tflite",), int8_answers=(0, 2, 1))
    gate()
    connection = sqlite3.connect(project / "results" / "bench.sqlite")
    rows = connection.execute("SELECT kind, artifact, images, correct, agreeing FROM runs")
    assert rows.fetchall() == [
        ("gate", "float32.tflite", 30, 30, None),
        ("gate", "int8.tflite", 30, 10, 10),
    ]


def refused(capsys, *said, arguments=()):
    assert gate(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    for words in said:
        assert words in shown.err


def test_without_exported_files_it_says_what_to_type(project, capsys):
    refused(capsys, "make export MODEL=tiny.keras DATA=data.npz")


def test_without_an_int8_file_there_is_nothing_to_compare(project, capsys):
    manifest = write_export(project / "artifacts")
    kept = tuple(a for a in manifest.artifacts if a.name != "int8.onnx")
    path = project / "artifacts" / "tiny" / "manifest.json"
    path.write_text(replace(manifest, artifacts=kept).to_json())
    refused(capsys, "no int8.onnx", "nothing to compare")


def test_a_file_changed_since_its_export_is_refused(project, capsys):
    write_export(project / "artifacts")
    path = project / "artifacts" / "tiny" / "int8.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    refused(capsys, "int8.tflite is not the file that was exported", "make export")


def test_random_weights_have_no_top1_to_compare(project, capsys):
    write_export(project / "artifacts", model_id="v2-1-224-random")
    assert main(["gate", "--weights", "random", "--data", "data.npz"]) == 2
    shown = capsys.readouterr()
    assert "WEIGHTS=random" in shown.err and shown.out == ""


def test_an_unknown_device_names_the_known_one(project, capsys):
    refused(capsys, "DEVICE is 'pi4'", "host", arguments=("--device", "pi4"))


def test_no_threads_and_no_images_are_refused(project, capsys):
    write_export(project / "artifacts")
    refused(capsys, "THREADS is 0", arguments=("--threads", "0"))
    refused(capsys, "N_EVAL is 0", arguments=("--n-eval", "0"))


def test_a_wrong_option_is_one_line(project, capsys):
    refused(capsys, "--bogus", arguments=("--bogus", "1"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[accuracy]\nmax_drop_points = '1'\n", "max_drop_points = '1'; expected a number"),
        ("[accuracy]\nmax_drop_points = true\n", "expected a number"),
        ("[accuracy]\nmax_drop_points = nan\n", "expected a number"),
        ("[accuracy]\nmax_drop_points = -1\n", "from 0 to 100"),
        ("[accuracy]\nmax_drop = 1.0\n", "accuracy.max_drop; known is"),
        ("[latency]\nratio = 1.0\n", "has latency"),
        ("accuracy = 1\n", "gate.toml has accuracy; known is"),
        ("", "no accuracy.max_drop_points"),
        ("[accuracy]\nmax_drop_points = 1\n[int8]\nmin_sqnr_db = 'x'\n", "min_sqnr_db = 'x'"),
        ("[accuracy\n", "cannot be read as TOML"),
    ],
)
def test_a_wrong_gate_toml_is_refused(project, capsys, text, said):
    (project / "gate.toml").write_text(text)
    refused(capsys, "gate.toml", said)


def test_a_missing_gate_toml_is_refused(tmp_path):
    with pytest.raises(RequestError, match="there is no"):
        read_limits(tmp_path / "gate.toml")


def test_the_gate_toml_of_this_project_has_the_defaults(request):
    read = read_limits(request.config.rootpath / "gate.toml")
    assert read == Limits(max_drop_points=1.0, min_sqnr_db=Limits.min_sqnr_db)
