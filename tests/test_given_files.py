"""FILE=...: files that others made, without a manifest, measured like exported ones."""

import json

import numpy as np
import pytest
import tiny_models
from onnx_models import node

from bench.__main__ import main
from bench.history.history import History

FILES = ("net.tflite", "net8.tflite", "net.onnx", "net8.onnx")
DATA = ["--data", "data.npz", "--scale", str(1 / 127.5), "--offset", "-1"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with the tiny classifier in four files and 30 labelled images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny_models.write_images(tmp_path / "data.npz")
    for name in FILES:
        writer = tiny_models.onnx if name.endswith("onnx") else tiny_models.tflite
        (tmp_path / name).write_bytes(writer(int8="8" in name))
    return tmp_path


def bench(*more, command="run"):
    return main([command, *more])


def rows_of(capsys, *more):
    assert bench(*more, "--json") == 0
    return json.loads(capsys.readouterr().out)["rows"]


def test_files_of_others_have_latency_accuracy_and_agreement(files, capsys):
    chosen = ["--runtimes", "litert,onnxruntime", "--plan", "quick", "--time-limit", "0.2"]
    rows = rows_of(capsys, "--file", ",".join(FILES), *DATA, *chosen)
    assert [(row["artifact"], row["scheme"]) for row in rows] == [
        ("net.tflite", "float32"), ("net8.tflite", "int8"),
        ("net.onnx", "float32"), ("net8.onnx", "int8"),
    ]  # fmt: skip
    for row in rows:
        assert row["model_id"] == "net" and row["error"] is None and row["median_ms"] > 0
        assert (row["images"], row["top1"], row["agreement"]) == (30, 1, 1)
    assert len({row["artifact_sha256"] for row in rows}) == 4


def test_an_answer_that_changed_shows_in_agreement_with_the_first_file(files, capsys):
    (files / "other.tflite").write_bytes(tiny_models.tflite(answer_of=(1, 0, 2)))
    limits = ["--runtimes", "litert", "--plan", "quick", "--time-limit", "0.2"]
    _, other = rows_of(capsys, "--file", "net.tflite,other.tflite", *DATA, *limits)
    assert other["agreement"] == other["top1"] == pytest.approx(1 / 3)


def test_without_images_only_times_are_measured(files, capsys):
    limits = ["--runtimes", "litert", "--plan", "quick", "--time-limit", "0.2"]
    assert bench("--file", "net8.tflite", *limits) == 0
    shown = capsys.readouterr().out
    assert "note: input: pixel * 0.008333 - " in shown
    assert "note: agreement and SQNR are against net8.tflite in LiteRT" in shown
    assert "timed only" in shown and "no images were given" in shown
    assert "make bench FILE=net8.tflite" in shown and "ARCH" not in shown
    assert History().newest()[0].accuracy is None


def test_pixels_of_an_integer_image_need_no_scale(files, capsys):
    """Its own scale tells: all 256 levels of the image are those of the pixels."""
    limits = ["--runtimes", "litert", "--plan", "quick", "--time-limit", "0.2"]
    (row,) = rows_of(capsys, "--file", "net8.tflite", "--data", "data.npz", *limits)
    assert row["top1"] == 1


def test_a_model_of_channels_first_is_fed_so(files, capsys):
    from onnx import TensorProto, helper, numpy_helper

    kernel = tiny_models.weights().reshape(3, 64, 3).transpose(2, 1, 0).reshape(192, 3)
    graph = helper.make_graph(
        [node("Flatten", "x", "f"), node("MatMul", "f w", "scores")],
        "nchw",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(np.ascontiguousarray(kernel), "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (files / "nchw.onnx").write_bytes(made.SerializeToString())
    limits = ["--plan", "quick", "--time-limit", "0.2", "--runtimes", "litert,onnxruntime"]
    rows = rows_of(capsys, "--file", "net.tflite,nchw.onnx", *DATA, *limits)
    assert [(row["top1"], row["agreement"]) for row in rows] == [(1, 1), (1, 1)]


def test_the_gates_judge_files_of_others(files, capsys, monkeypatch):
    (files / "gate.toml").write_text(
        "[accuracy]\nmax_drop_points = 0.5\n[size]\nmax_ratio = 0.6\n"
        '[speedup]\n"int8.tflite" = 0.01\n[coverage]\nmin_int8_share = 1.0\n'
    )
    given = ["--file", "net.tflite,net8.tflite", *DATA, "--json"]
    bench(*given, command="gate")
    verdicts = json.loads(capsys.readouterr().out)["gates"]
    assert {(v["gate"], v["file"]) for v in verdicts} >= {
        ("accuracy", "net8.tflite"), ("size", "net8.tflite"), ("speed-up", "net8.tflite"),
        ("int8", "net8.tflite"),
    }  # fmt: skip
    assert all(v["verdict"] != "skipped" for v in verdicts)


REFUSED = {
    "net.txt": "FILE has 'net.txt'; expected .tflite or .onnx files, comma-separated",
    "gone.onnx": "FILE has 'gone.onnx', which does not exist",
    "net.onnx,net.onnx": "FILE has 'net.onnx' twice; expected each file once",
    "broken.tflite": "'broken.tflite' is no .tflite file: its bytes 4 to 7 are not TFL3",
    "broken.onnx": "'broken.onnx' cannot be read as an .onnx file",
    "net.tflite,large.tflite": "images of 8x8x3 and large.tflite with images of 16x16x3",
}


@pytest.mark.parametrize("named", REFUSED)
def test_files_that_cannot_be_measured_are_refused_in_one_line(named, files, capsys):
    for name in ("net.txt", "broken.tflite", "broken.onnx"):
        (files / name).write_bytes(b"nothing that a runtime reads")
    (files / "large.tflite").write_bytes(tiny_models.tflite(side=16))
    assert bench("--file", named) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert REFUSED[named] in line


def test_what_an_export_decides_does_not_go_with_files(files, capsys):
    assert bench("--file", "net.onnx", "--methods", "min-max") == 2
    assert "METHODS does not go with FILE" in capsys.readouterr().err
