"""Exported files of a network that is another one by now are not measured, nor shown as its own."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from tiny_models import write_export

from bench.__main__ import main
from bench.engine.evaluation import open_evaluation
from bench.engine.exported import open_exported
from bench.history.history import History
from bench.measurement.plan import PLANS, QUICK
from export.artifact import Failure
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.dataset import ImageSize, open_dataset
from models.data.set_aside import set_aside
from models.source import resolve
from quantize.methods.plan import Plan

TINY = ("--model", "tiny.keras", "--data", "data.npz")
AGAIN = "run make export MODEL=tiny.keras DATA=data.npz again"


def refused(capsys, *command):
    """The one line by which ``command`` is refused; nothing is on standard output."""
    assert main(command) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    return shown.err


@pytest.mark.parametrize("command", ["run", "gate", "baseline"])
def test_the_files_of_a_model_that_changed_since_are_not_measured(tiny_project, capsys, command):
    (tiny_project / "gate.toml").write_text("[size]\nmax_ratio = 100\n")
    (tiny_project / "tiny.keras").write_bytes(b"trained for another week")
    line = refused(capsys, command, *TINY)
    assert "MODEL=tiny.keras is not what the files in artifacts/tiny were exported from" in line
    assert line.endswith(f"; {AGAIN}\n")
    assert not (tiny_project / "results").exists()


def test_a_model_of_the_same_name_and_another_place_is_another_model(tiny_project, capsys):
    other = tiny_project / "new" / "tiny.keras"
    other.parent.mkdir()
    other.write_bytes(b"another")
    assert "make export MODEL=new/tiny.keras again" in refused(
        capsys, "run", "--model", str(other.relative_to(tiny_project))
    )


@pytest.mark.slow
def test_measurements_of_files_of_a_changed_model_are_not_reported_as_its_own(
    tiny_project, keras_predictions, capsys
):
    chosen = ("--files", "int8.tflite", "--runtimes", "litert")
    assert main(["run", *TINY, *chosen]) == 0
    assert main(["report", *TINY, "--markdown"]) == 0
    (tiny_project / "tiny.keras").write_bytes(b"trained for another week")
    capsys.readouterr()
    assert AGAIN in refused(capsys, "report", *TINY, "--markdown")
    assert main(["report", "--markdown"]) == 0  # all that was ever measured


def opened(**asked):
    options = Options(**asked)
    return open_exported(options, resolve(options))


def test_other_preprocessing_than_the_files_have_is_refused(tiny_project):
    with pytest.raises(RequestError, match=r"exported with no SCALE, not with SCALE=1\.0"):
        opened(model="tiny.keras", scale=1.0)


def test_random_weights_of_another_number_of_classes_are_another_network(tiny_project):
    write_export(tiny_project / "artifacts", "v2-1-224-random")
    assert opened(weights="random").manifest.model_id == "v2-1-224-random"
    with pytest.raises(RequestError, match="exported with CLASSES=1000, not with CLASSES=10"):
        opened(weights="random", classes=10)


def test_weights_that_changed_since_are_other_weights(tiny_project):
    options = Options(arch="v2")
    source = resolve(options)
    model = {**source.identity(), "weights_sha256": "0" * 64}
    write_export(tiny_project / "artifacts", source.model_id, model=model)
    with pytest.raises(RequestError, match=r"WEIGHTS=demo is not what .* exported from"):
        open_exported(options, source)


def test_files_made_by_other_methods_or_without_a_scheme_are_refused(tiny_project):
    path = tiny_project / "artifacts" / "tiny" / "manifest.json"
    asked = Options(model="tiny.keras")
    plan = asdict(Plan.of("auto", resolve(asked)))
    path.write_text(replace(opened(model="tiny.keras").manifest, plan=plan).to_json())
    assert opened(model="tiny.keras")
    for other in ({"methods": "min-max"}, {"keep_float": "conv1"}):
        with pytest.raises(RequestError, match="made by other METHODS or KEEP_FLOAT"):
            opened(model="tiny.keras", **other)
    with pytest.raises(RequestError, match="there is no int16x8 file in artifacts/tiny"):
        opened(model="tiny.keras", schemes="int16x8")
    failed = (Failure("int16x8.tflite", "the converter cannot"),)
    path.write_text(replace(opened(model="tiny.keras").manifest, failed=failed).to_json())
    with pytest.raises(
        RequestError, match=r"int16x8\.tflite was not written: the converter cannot"
    ):
        opened(model="tiny.keras", schemes="int16x8")


def test_a_link_in_the_place_of_a_file_is_not_followed_out_of_the_folder(tiny_project):
    """Whoever hands a folder on could have any file of its reader loaded, and sent to a device."""
    file = tiny_project / "artifacts" / "tiny" / "int8.tflite"
    elsewhere = tiny_project / "elsewhere.tflite"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    with pytest.raises(
        RequestError, match=r"int8\.tflite is a link to .*elsewhere\.tflite, outside"
    ):
        opened(model="tiny.keras")


def test_images_of_the_part_that_was_calibrated_on_are_not_evaluated_on(tiny_project):
    path = tiny_project / "artifacts" / "tiny" / "manifest.json"
    raw = json.loads(path.read_text())
    path.write_text(
        json.dumps({**raw, "calibration": {**raw["calibration"], "set_aside_of": "DATA"}})
    )
    asked = Options(model="tiny.keras", data="data.npz")
    exported = opened(model="tiny.keras")
    aside, rest = set_aside(open_dataset("data.npz", "DATA", ImageSize(8, 8, 3), 3))
    with open_evaluation(asked, exported, "data.npz", True, None) as evaluation:
        assert np.array_equal(evaluation.indices, rest) and evaluation.available == len(rest)
        assert f"{len(aside)} of the 30 images of data.npz are left out" in evaluation.notes[0]
    with open_evaluation(replace(asked, n_eval=5), exported, "data.npz", True, None) as few:
        assert len(few.indices) == 5 and set(few.indices) <= set(rest)


def test_a_users_model_without_images_is_timed_only(tiny_project, monkeypatch, capsys):
    monkeypatch.setitem(PLANS, "default", QUICK)
    chosen = ("--model", "tiny.keras", "--files", "int8.tflite", "--runtimes", "litert")
    assert main(["run", *chosen]) == 0
    first, note, *_ = capsys.readouterr().out.splitlines()
    assert first.endswith("timed only")
    assert "make bench MODEL=tiny.keras DATA=folder FILES=int8.tflite" in note.replace(
        "FILES=int8.tflite RUNTIMES=litert DATA=folder", "DATA=folder FILES=int8.tflite"
    )
    assert [record.accuracy for record in History().newest()] == [None]
    assert "DRIFT and EXPLAIN compare answers on images" in refused(
        capsys, "run", *chosen, "--drift"
    )


def test_a_gate_of_accuracy_without_images_says_what_to_run(tiny_project, capsys):
    (tiny_project / "gate.toml").write_text("[accuracy]\nmax_drop_points = 1\n")
    line = refused(capsys, "gate", "--model", "tiny.keras")
    assert "run make gate MODEL=tiny.keras DATA=folder" in line
