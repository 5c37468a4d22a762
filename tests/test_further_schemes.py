"""Further schemes: the files of SCHEMES beside the six, each with the numbers its name says."""

import json

import float_graphs
import numpy as np
import pytest
from commands import ROOT, SMALL
from in_process import call
from tiny_models import write_export, write_images

from bench.__main__ import main as bench
from export import verification
from export.artifact import Manifest
from export.loading import Trial
from export.onnx import onnx_model
from models.command_line.errors import RequestError
from models.networks.spec import ModelSpec
from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph import delegate
from quantize.graph.graph import LINEAR
from quantize.graph.graph_editor import GraphEditor
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.methods.search import search
from quantize.passes.hard_swish import lower
from quantize.passes.layer import quantized_images
from quantize.passes.layer_pair import layer_pairs
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.ranges.value_range import Range
from quantize.runtime.model_session import open_session
from quantize.schemes import int8_dynamic, int16x8, scheme
from quantize.schemes.registry import ALWAYS, FURTHER, SCHEMES, Material, make, parse
from quantize.schemes.scheme import INT8_DYNAMIC, INT8_PER_TENSOR, INT16X8


@pytest.fixture(scope="module")
def lowered(v3_graph):
    return lower(v3_graph)


@pytest.fixture(scope="module")
def lowered_ranges(lowered, calibration_images):
    return choose_ranges(
        lowered, calibrate(lowered, (i[None] for i in calibration_images), threads=2)
    )


@pytest.fixture(scope="module")
def int16_graph(lowered, lowered_ranges):
    return int16x8.quantize(lowered, lowered_ranges)


def test_schemes_are_comma_separated_in_any_order():
    assert parse("") == ALWAYS
    assert parse("int16x8") == (*ALWAYS, INT16X8)
    assert parse("int16x8,int8-dynamic") == (*ALWAYS, INT8_DYNAMIC, INT16X8)
    assert parse(",".join(scheme.name for scheme in FURTHER)) == tuple(SCHEMES)


def test_every_scheme_that_has_a_name_is_made_by_the_registry():
    named = {one for one in vars(scheme).values() if isinstance(one, scheme.Scheme)}
    assert set(SCHEMES) == named and len(ALWAYS) + len(FURTHER) == len(named)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("int4", "SCHEMES has 'int4'; expected some of int8-per-tensor,int8-dynamic,int16x8"),
        ("int16x8,int16x8", "SCHEMES has 'int16x8' twice; expected"),
        ("float16", "SCHEMES has 'float16', which is always made; expected"),
        ("int16x8,", "SCHEMES has ''; expected"),
        ("int8-dynamic, int16x8", "SCHEMES has ' int16x8'; expected"),
    ],
)
def test_other_schemes_are_refused(typed, message):
    with pytest.raises(RequestError, match=message):
        parse(typed)


def test_int16x8_is_symmetric_int16_all_through(int16_graph, lowered_ranges):
    assert int16_graph.op_histogram.keys().isdisjoint({"QUANTIZE", "DEQUANTIZE", "HARD_SWISH"})
    for name in int16_graph.activations:
        assert int16_graph.dtype(name) == np.int16
        assert list(int16_graph.quantization(name).zero_point) == [0]
    image = lowered_ranges["image"]
    widest = max(-image.minimum, image.maximum)
    assert int16_graph.quantization("image").scale[0] == pytest.approx(widest / 32767, rel=1e-3)


def test_int16x8_kernels_are_int8_for_each_channel_and_biases_int64(int16_graph):
    checked = 0
    for kind, inputs, _ in int16_graph.operators():
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            kernel = int16_graph.quantization(inputs[1])
            assert int16_graph.dtype(inputs[1]) == np.int8
            assert int16_graph.dtype(inputs[2]) == np.int64
            assert len(kernel.scale) == int16_graph.tensor(inputs[1]).shape[kernel.axis]
            checked += 1
    assert checked == 54


def material(graph, calibration, evaluation, methods=("min-max",)):
    images = Calibration(calibration, threads=2)
    plan = Plan(methods, None)

    def searched(scheme):
        return search(graph, images, evaluation, "probabilities", plan, scheme).made()

    return Material(graph, images.statistics, searched)


def test_outputs_of_further_schemes_are_close_to_float(
    v3_graph, calibration_images, evaluation_images
):
    given = material(v3_graph, calibration_images, evaluation_images)
    wanted = outputs(v3_graph, evaluation_images, 2)
    dynamic, int16 = make((INT8_DYNAMIC, INT16X8), given).values()
    assert compare(wanted, outputs(dynamic.graph, evaluation_images, 2), "softmax").sqnr_db > 33
    found = int16_outputs(int16.graph, evaluation_images)
    assert compare(wanted, found, "softmax").sqnr_db > 42
    assert (dynamic.described["h_swish"], int16.described["h_swish"]) == ("kept", "lowered")


def onnx_answers(int8_graph, images):
    """Real outputs of the int8 ONNX form."""
    model = onnx_model.of_graph(int8_graph).model
    session = open_session("onnxruntime", model.SerializeToString()).session
    fed = quantized_images(int8_graph, images)
    rows = [session.run(None, {"image": image[None]})[0][0] for image in fed]
    affine = int8_graph.quantization("probabilities")
    return ((np.stack(rows).astype(np.float32) - affine.zero_point) * affine.scale).astype("f4")


def unbalanced(graph, statistics):
    """The same float network, with channels that are 50 times smaller between two layers."""
    editor = GraphEditor(graph)
    for pair in layer_pairs(editor, statistics):
        channels = np.arange(len(pair.activation.channel_maxima))
        small = (channels % 3 == 0) & (pair.activation.channel_maxima < 5)
        factors = np.where(small, 50, 1).astype(np.float32)
        axis = (-1, 1, 1, 1) if pair.first_kind == "CONV_2D" else (1, 1, 1, -1)
        editor.write(pair.first, 1, editor.read(pair.first, 1) / factors.reshape(axis))
        editor.write(pair.first, 2, editor.read(pair.first, 2) / factors)
        editor.write(pair.second, 1, editor.read(pair.second, 1) * factors)
    return editor.graph()


def test_one_scale_a_tensor_is_searched_for_like_int8(
    v1_graph, v1_statistics, calibration_images, evaluation_images
):
    hard = unbalanced(v1_graph, v1_statistics)
    given = material(hard, calibration_images, evaluation_images, ("min-max", "equalization"))
    made = make([INT8_PER_TENSOR], given)[INT8_PER_TENSOR]
    kernels = [i[1] for kind, i, _ in made.graph.operators() if kind in LINEAR]
    assert len(kernels) == 28
    assert all(len(made.graph.quantization(name).scale) == 1 for name in kernels)
    plain, equalized = (tried["sqnr_db"] for tried in made.described["methods"])
    assert equalized > plain + 10
    found = outputs(made.graph, evaluation_images, 2)
    assert compare(outputs(hard, evaluation_images, 2), found, "softmax").sqnr_db == equalized
    onnx_found = onnx_answers(made.graph, evaluation_images)
    np.testing.assert_allclose(onnx_found, found, atol=4 / 256)  # kernels differ by a few steps


def int16_outputs(graph, images):
    interpreter = graph.interpreter(threads=2)
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for image in images:
        fed = np.rint(image / source["quantization"][0]).astype(np.int16)
        interpreter.set_tensor(source["index"], fed[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(target["index"])[0] * target["quantization"][0])
    return np.stack(found).astype(np.float32)


def test_a_dead_layer_gets_an_int16_scale_that_still_holds_a_relu6(lowered, lowered_ranges):
    made = int16x8.quantize(lowered, {name: Range(0.0, 0.0) for name in lowered_ranges})
    for name in made.activations:
        assert 6 / made.quantization(name).scale[0] < 2**31


def test_int8_dynamic_keeps_depthwise_kernels_float_and_is_one_piece(v3_graph):
    made = int8_dynamic.quantize(v3_graph)
    assert made.op_histogram == v3_graph.op_histogram
    for kind, inputs, _ in made.operators():
        if kind == "CONV_2D":
            assert made.dtype(inputs[1]) == np.int8
        if kind == "DEPTHWISE_CONV_2D":
            assert made.dtype(inputs[1]) == np.float32
    assert {str(made.dtype(name)) for name in made.activations} == {"float32"}
    assert delegate.partitions(made).is_whole
    assert len(made.content) < 0.4 * len(v3_graph.content)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemes")
    done = call("export", *SMALL, "--schemes", "int8-dynamic,int16x8", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "shown").write_text(done.stdout)
    return folder


def exported(folder):
    return folder / "artifacts" / "v2-0.1-64-random"


@pytest.mark.slow
def test_further_files_are_written_verified_and_described(work):
    found = {a.name: a for a in Manifest.read(exported(work)).artifacts}
    assert len(found) == 8
    for name, dtype in (("int8-dynamic.tflite", "float32"), ("int16x8.tflite", "int16")):
        artifact = found[name]
        assert f"{artifact.scheme}.{artifact.format}" == name
        assert artifact.inputs[0].dtype == artifact.outputs[0].dtype == dtype
        assert (artifact.inputs[0].scale is not None) == (dtype == "int16")
        assert artifact.fidelity.images == 64 and artifact.fidelity.cosine > 0.99
        assert set(artifact.loads_in) == {"litert", "tflite-runtime"}
        assert artifact.loads_in["litert"] == "ok"
    shown = (work / "shown").read_text()
    assert "\nint8-dynamic.tflite " in shown and "\nint16x8.tflite " in shown
    assert "note: int16x8.tflite in LiteRT's XNNPACK: nothing; outside: 35 CONV_2D" in shown


@pytest.mark.slow
def test_files_that_are_not_asked_for_again_go(work, tmp_path):
    done = call("export", *SMALL, "--schemes", "int16x8", cwd=work)
    assert done.returncode == 0, done.stderr
    names = {a.name for a in Manifest.read(exported(work)).artifacts}
    assert "int16x8.tflite" in names and "int8-dynamic.tflite" not in names
    assert {file.name for file in exported(work).iterdir()} == names | {"manifest.json"}


def test_an_unknown_scheme_ends_the_command_in_one_line(tmp_path):
    done = call("export", *SMALL, "--schemes", "int4", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: SCHEMES has 'int4'") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_gate_compares_every_scheme_of_integers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text("[accuracy]\nmax_drop_points = 1.0\n")
    (tmp_path / "tiny.keras").touch()
    write_images(tmp_path / "data.npz")
    write_export(tmp_path / "artifacts", further={"int8-dynamic": (0, 2, 1)})
    assert bench(["gate", "--model", "tiny.keras", "--data", "data.npz", "--json"]) == 1
    shown = capsys.readouterr()
    rows = json.loads(shown.out)["gates"]
    assert [(row["file"], row["verdict"]) for row in rows] == [
        ("int8.tflite", "inconclusive"),  # equal, but on 30 images
        ("int8-dynamic.tflite", "FAILED"),
        ("int8.onnx", "inconclusive"),
    ]
    assert "accuracy of int8-dynamic.tflite FAILED (66.67 points" in shown.err


def test_every_known_scheme_is_in_the_readme_and_in_the_help():
    for text in ((ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()):
        lines = [line for line in text.splitlines() if "SCHEMES" in line]
        assert any(all(scheme.name in line for scheme in FURTHER) for line in lines)


def test_a_runtime_with_other_outputs_is_not_listed_as_loading_the_file():
    right = np.eye(3, dtype=np.float32)
    wrong = Trial("ok", right[[1, 0]])
    assert "outputs differ from litert's" in verification._status(wrong, right, "litert")
    assert verification._status(Trial("ok", 1.001 * right[:2]), right, "litert") == "ok"


def test_fully_connected_layers_have_one_scale_which_older_runtimes_read_right():
    """tflite-runtime 2.14 takes a layer with more, and answers wrongly."""
    graph = float_graphs.of_random_weights(ModelSpec("v2", 0.1, 64, classes=5))
    made = int8_dynamic.quantize(graph)
    layers = [inputs for kind, inputs, _ in made.operators() if kind == "FULLY_CONNECTED"]
    assert [len(made.quantization(inputs[1]).scale) for inputs in layers] == [1]
    assert made.dtype(layers[0][1]) == np.int8
