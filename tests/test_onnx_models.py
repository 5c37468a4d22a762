"""MODEL=net.onnx: converted, and verified against ONNX Runtime on the file itself."""

import json

import numpy as np
import pytest
from onnx_models import classifier, model, node, write

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.file_network import load
from models.source import resolve
from quantize.graph.layer_names import layer_names
from quantize.graph.network_graph import network_graph


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)


def loaded(tmp_path, made, **further):
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    return load(tmp_path / "net.onnx", **further)


def outputs(graph, images):
    from quantize.evaluate.outputs import outputs as of_graph

    return of_graph(graph, images, threads=1)


@pytest.mark.slow
def test_a_network_of_pytorch_has_its_own_operators_and_names(tmp_path, rng, images):
    network = loaded(tmp_path, classifier(rng))
    assert (network.size, network.output_kind, network.classes) == (
        ImageSize(16, 16, 3),
        "softmax",
        3,
    )
    graph = network_graph(network)
    np.testing.assert_allclose(outputs(graph, images), network.model.predict(images), atol=1e-5)
    histogram = graph.op_histogram
    assert "TRANSPOSE" not in histogram
    assert (histogram["CONV_2D"], histogram["DEPTHWISE_CONV_2D"]) == (2, 1)
    assert histogram["HARD_SWISH"] == 1  # seven operators of the file, one here
    assert list(layer_names(graph)) == ["stem.0", "depthwise", "project", "classifier"]


@pytest.mark.slow
def test_logits_are_those_of_the_file_without_its_softmax(tmp_path, rng, images):
    scores = loaded(tmp_path, classifier(rng), logits=True)
    expected = loaded(tmp_path, classifier(np.random.default_rng(4), softmax=False))
    assert scores.output_kind == expected.output_kind == "logits"
    assert outputs(network_graph(scores), images).shape == (3, 3)
    np.testing.assert_allclose(
        scores.model.predict(images), outputs(network_graph(scores), images), atol=1e-5
    )


def test_a_batch_that_is_left_open_is_one_image(tmp_path, rng, images):
    made = classifier(rng)
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    network = loaded(tmp_path, made)
    assert network.outputs[0].shape == (3,)
    assert network.model.predict(images).shape == (3, 3)


def test_pixels_that_the_file_scales_itself_are_fed_as_they_are(tmp_path, rng):
    nodes = [node("Mul", "x k", "a"), node("Sub", "a m", "b"), node("Conv", "b w", "y")]
    constants = {
        "k": np.float32(1 / 255), "m": rng.normal(0.45, 0.02, (3, 1, 1)).astype(np.float32),
        "w": rng.normal(size=(2, 3, 3, 3)).astype(np.float32),
    }  # fmt: skip
    network = loaded(tmp_path, model(nodes, constants))
    assert (network.preprocess.scale, network.preprocess.offset) == (1, 0)
    assert not network.scaling.is_guess
    plain = loaded(tmp_path, model([node("Conv", "x w", "y")], {"w": constants["w"]}))
    assert plain.scaling.is_guess


@pytest.mark.slow
def test_a_size_that_is_left_open_is_asked_for(tmp_path, rng):
    free = classifier(rng)
    for place, name in ((2, "height"), (3, "width")):
        free.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name
    with pytest.raises(RequestError, match=r"no fixed size, \[1, 3, height, width\]; give one"):
        loaded(tmp_path, free)
    network = loaded(tmp_path, free, resolution=20)
    assert network.size == ImageSize(20, 20, 3)
    images = rng.normal(size=(2, 20, 20, 3)).astype(np.float32)
    np.testing.assert_allclose(
        outputs(network_graph(network), images), network.model.predict(images), atol=1e-5
    )


def test_weights_beside_the_file_belong_to_its_identity(tmp_path, rng, images):
    import onnx

    onnx.save(classifier(rng), tmp_path / "net.onnx", save_as_external_data=True, location="w.data",
              size_threshold=0)  # fmt: skip
    source = resolve(Options(model=str(tmp_path / "net.onnx")))
    before = source.identity()["sha256"]
    assert load(tmp_path / "net.onnx").model.predict(images).shape == (3, 3)
    content = bytearray((tmp_path / "w.data").read_bytes())
    content[0] ^= 1
    (tmp_path / "w.data").write_bytes(bytes(content))
    assert source.identity()["sha256"] != before
    (tmp_path / "w.data").unlink()
    with pytest.raises(RequestError, match="with the files of its weights beside it"):
        load(tmp_path / "net.onnx")


def quantized(rng):
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    return model(nodes, {"s": np.float32(0.1), "z": np.int8(0)})


def half(rng):
    from onnx import TensorProto, numpy_helper

    made = classifier(rng)
    for one in made.graph.initializer:
        one.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(one).astype("f2"), one.name))
    for described in (*made.graph.input, *made.graph.output):
        described.type.tensor_type.elem_type = TensorProto.FLOAT16
    return made


def batch_of_eight(rng):
    return model([node("Relu", "x")], image=(8, 3, 9, 8))


def row(rng):
    return model([node("Relu", "x")], image=(1, 100))


def of_another_maker(rng):
    from onnx import helper

    made = model([node("FusedConv", "x", domain="com.microsoft")])
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made


REFUSED = {
    quantized: r"is quantized \(DequantizeLinear, QuantizeLinear\): the float values are gone",
    half: "computes in float16; expected float32",
    batch_of_eight: "has an input of fixed batch 8",
    row: r"has an input of shape \[1, 100\]; expected an image",
    of_another_maker: "has com.microsoft.FusedConv, which cannot be converted here",
}


@pytest.mark.parametrize("made", REFUSED, ids=lambda made: made.__name__)
def test_what_is_no_float_network_of_an_image_is_refused(made, tmp_path, rng):
    with pytest.raises(RequestError, match=REFUSED[made]) as refused:
        loaded(tmp_path, made(rng))
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_files_are_made_of_it_and_verified_against_onnx_runtime(tmp_path, rng, capsys):
    from export.__main__ import main

    write(tmp_path / "net.onnx", classifier(rng))
    x = rng.integers(0, 256, (200, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "photos.npz", x=x, y=rng.integers(0, 3, 200))
    asked = ["--model", str(tmp_path / "net.onnx"), "--data", str(tmp_path / "photos.npz")]
    assert main([*asked, "--out", str(tmp_path / "out"), "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["reference"] == "net.onnx in ONNX Runtime"
    made = {one["name"]: one["fidelity"] for one in manifest["artifacts"]}
    assert len(made) == 6
    assert all(found["max_relative_error"] < 1e-4 for n, found in made.items() if "float32" in n)
    assert made["int8.tflite"]["sqnr_db"] > 20
