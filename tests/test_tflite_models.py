"""MODEL=net.tflite: a float file of anybody is the float graph from which all others are made."""

import json

import numpy as np
import pytest
import tiny_models

from models.command_line.errors import RequestError
from models.data.image_source import ImageSize
from models.file_network import load
from models.tflite_files.object_tree import ObjectTree
from models.tflite_files.tflite_file import TfliteFile
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.network_graph import network_graph
from quantize.schemes import float16

SIDE = 24
SIZE = ImageSize(SIDE, SIDE, 3)


@pytest.fixture(scope="module")
def content():
    """A small classifier as TensorFlow's converter makes it: strides, h-swish, a depthwise layer,
    a shortcut and a softmax."""
    import keras
    from keras import layers

    from models.keras_files import float_graph

    keras.utils.set_random_seed(3)
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(8, 3, 2, "same", name="stem")(image)
    x = layers.Activation("hard_swish")(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6", name="depthwise")(x)
    x = layers.Add()([x, layers.Conv2D(8, 1, name="project")(y)])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(4, activation="softmax", name="head")(x)
    return float_graph.convert(keras.Model(image, x), SIDE, SIDE, 3)


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (4, SIDE, SIDE, 3)).astype(np.float32)


def opened(tmp_path, content, **further):
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    return load(path, **further)


def outputs(graph: Graph, images):
    from quantize.evaluate.outputs import outputs as of_graph

    return of_graph(graph, images, threads=1)


def edited(content, change):
    """The file after ``change`` of its object tree."""
    tree = ObjectTree.read("net.tflite", content)
    change(tree)
    return tree.packed()


def check_alike(network, images):
    """The graph gives what the file does, and holds float32 alone."""
    graph = network_graph(network)
    np.testing.assert_allclose(outputs(graph, images), network.model.predict(images), atol=1e-5)
    assert graph.inputs == ("image",)
    assert tuple(graph.tensor("image").shape) == (1, *images.shape[1:])
    assert not {"DEQUANTIZE", "QUANTIZE", "CAST", "DENSIFY"} & set(graph.op_histogram)
    return graph


def test_a_float32_file_is_the_float_graph(tmp_path, content, images):
    network = opened(tmp_path, content)
    graph = check_alike(network, images)
    assert graph.op_histogram == Graph(content).op_histogram
    assert (network.output_kind, network.classes, network.size) == ("softmax", 4, SIZE)
    assert network.outputs_reason == "the file ends in SOFTMAX"


def test_float16_weights_become_float32(tmp_path, content, images):
    half = float16.quantize(Graph(content))
    assert "DEQUANTIZE" in half.op_histogram
    network = opened(tmp_path, half.content)
    graph = check_alike(network, images)
    assert {str(graph.dtype(name)) for name in graph.activations} == {"float32"}


def test_logits_end_before_the_softmax(tmp_path, content, images):
    shares, scores = opened(tmp_path, content), opened(tmp_path, content, logits=True)
    assert (scores.output_kind, scores.output_names) == ("logits", ("logits",))
    exponents = np.exp(check_alike(scores, images) and scores.model.predict(images))
    found = exponents / exponents.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, shares.model.predict(images), atol=1e-6)


def test_another_batch_becomes_one(tmp_path, content, images):
    from models.tflite_files.fixed_shape import with_image_shape

    eight = with_image_shape(tmp_path, content, (8, SIDE, SIDE, 3))
    assert ObjectTree.read(tmp_path, eight).shape(0)[0] == 8
    check_alike(opened(tmp_path, eight), images)


def test_a_size_that_the_file_leaves_open_is_asked_for(tmp_path, content):
    def leave_open(tree):
        tree.tensor(tree.subgraph.inputs[0]).shapeSignature = [-1, -1, -1, 3]
        tree.tensor(tree.subgraph.inputs[0]).shape = [1, 1, 1, 3]

    free = edited(content, leave_open)
    with pytest.raises(RequestError, match=r"no fixed size, \[-1, -1, -1, 3\]; give one: RES=224"):
        opened(tmp_path, free)
    network = opened(tmp_path, free, resolution=32)
    assert network.size == ImageSize(32, 32, 3)
    check_alike(network, np.zeros((1, 32, 32, 3), np.float32))


def test_names_that_are_missing_or_shared_do_not_matter(tmp_path, content, images):
    def blur(tree):
        for tensor in tree.subgraph.tensors:
            tensor.name = b"same" if tensor.buffer else b""

    check_alike(opened(tmp_path, edited(content, blur)), images)


def test_a_reshape_of_old_converters_gets_its_shape(tmp_path):
    """They have it among the options alone."""
    from ai_edge_litert import schema_py_generated as schema

    def forget(tree):
        operator = next(o for o in tree.operators if tree.kind(o) == "RESHAPE")
        operator.inputs = operator.inputs[:1]
        operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
        operator.builtinOptions = schema.ReshapeOptionsT()
        operator.builtinOptions.newShape = [1, tiny_models.PIXELS]

    network = opened(tmp_path, edited(tiny_models.tflite(), forget))
    graph = check_alike(network, np.ones((2, tiny_models.SIDE, tiny_models.SIDE, 3), np.float32))
    (reshape,) = (inputs for kind, inputs, _ in graph.operators() if kind == "RESHAPE")
    assert graph.constant(reshape[1]).tolist() == [1, tiny_models.PIXELS]


def test_a_file_for_any_batch_that_reads_its_own_shapes_is_one_for_one_image(tmp_path, images):
    """Keras 2's SavedModels ask for the shape of a batch; sizes behind that are stored as 1."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    kernel = tf.constant(rng.normal(0, 0.3, (3, 3, 3, 8)), tf.float32)
    matrix = tf.constant(rng.normal(0, 0.1, (968, 4)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3))])
    def net(image):
        x = tf.nn.conv2d(image, kernel, 2, "VALID")
        x = tf.reshape(x, (tf.shape(x)[0], -1, 8))
        x = x * tf.reduce_sum(x * x, -1, keepdims=True)
        return tf.reshape(x, (tf.shape(x)[0], 968)) @ matrix

    def open_behind_the_reshape(tree):
        """As TensorFlow 2.15 writes it."""
        opened_up = False
        for operator in tree.operators:
            tensor = tree.tensor(int(operator.outputs[0]))
            opened_up |= tree.kind(operator) == "RESHAPE"
            if opened_up and len(tensor.shape) == 3:
                last = int(tensor.shape[-1])
                tensor.shape, tensor.shapeSignature = [1, 1, last], [-1, -1, last]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([net.get_concrete_function()])
    network = opened(tmp_path, edited(converter.convert(), open_behind_the_reshape))
    graph = network_graph(network)
    assert not {"SHAPE", "PACK", "STRIDED_SLICE"} & set(graph.op_histogram)
    assert [1, 121, 8] in [list(graph.tensor(name).shape) for name in graph.activations]
    expected = np.concatenate([net(image[None]) for image in images])
    np.testing.assert_allclose(outputs(graph, images), expected, rtol=1e-5, atol=1e-5)


def test_a_file_of_an_older_schema_is_quantized_as_what_it_is(tmp_path, content, images):
    """Its operators have their numbers in the field that was there first; the quantizer reads the
    other one."""

    def age(tree):
        for code in tree.model.operatorCodes:
            code.builtinCode = 0

    graph = check_alike(opened(tmp_path, edited(content, age)), images)
    assert {code.builtinCode for code in graph.model.operatorCodes} != {0}
    assert all(c.builtinCode == c.deprecatedBuiltinCode for c in graph.model.operatorCodes)


def test_an_image_of_bytes_is_fed_its_own_scale(tmp_path, content, images):
    """uint8, made float by a DEQUANTIZE: pixel * scale + offset is what the file says."""
    network = opened(tmp_path, with_bytes_in(content))
    assert network.preprocess.scale == pytest.approx(1 / 127.5)
    assert network.preprocess.offset == pytest.approx(-127 / 127.5)
    assert network.scaling.reason == "that is what the file's uint8 image stands for"
    graph = network_graph(network)
    steps = np.rint(images * 127.5) / np.float32(127.5)
    np.testing.assert_allclose(outputs(graph, steps), network.model.predict(images), atol=1e-5)


def with_bytes_in(content):
    """The file with a uint8 image ahead, of scale 1 / 127.5 and zero point 127."""
    from ai_edge_litert import schema_py_generated as schema

    editor = GraphEditor(Graph(content))
    image = int(editor.subgraph.inputs[0])
    stored = editor.add_activation("bytes", editor.tensor(image).shape)
    tensor = editor.tensor(stored)
    tensor.type, tensor.quantization = schema.TensorType.UINT8, schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [1 / 127.5], [127]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 2
    editor.model.operatorCodes.append(code)
    made = schema.OperatorT()
    made.opcodeIndex = len(editor.model.operatorCodes) - 1
    made.inputs, made.outputs = [stored], [image]
    editor.operators.insert(0, made)
    editor.subgraph.inputs = [stored]
    editor.model.signatureDefs = []
    return editor.graph().content


def test_channels_first_are_moved_once(tmp_path, images):
    """As converters from PyTorch write: a TRANSPOSE of the image, which is left out."""
    import tensorflow as tf

    kernel = tf.constant(np.random.default_rng(1).normal(size=(3, 3, 3, 4)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((1, 3, SIDE, SIDE), tf.float32)])
    def infer(image):
        x = tf.nn.conv2d(tf.transpose(image, (0, 2, 3, 1)), kernel, 1, "VALID")
        return tf.nn.softmax(tf.reduce_mean(x, (1, 2)))

    converter = tf.lite.TFLiteConverter.from_concrete_functions([infer.get_concrete_function()])
    network = opened(tmp_path, converter.convert())
    assert network.size == SIZE
    assert "TRANSPOSE" not in check_alike(network, images).op_histogram


def test_the_files_metadata_says_how_pixels_are_scaled(tmp_path, content):
    network = opened(tmp_path, with_metadata(content, mean=127.0, std=128.0))
    assert network.preprocess.scale == pytest.approx(1 / 128)
    assert network.preprocess.offset == pytest.approx(-127 / 128)
    assert network.scaling.reason == "the file's metadata says so"


def with_metadata(content, mean, std):
    """The file with metadata as TFLite's Metadata Writer puts it there."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    b = flatbuffers.Builder(256)

    def floats(value):
        return b.CreateNumpyVector(np.array([value], np.float32))

    def table(fields, **values):
        b.StartObject(fields)
        for name, value in values.items():
            b.PrependUOffsetTRelativeSlot(int(name[1:]), value, 0)
        return b.EndObject()

    def vector(*tables):
        b.StartVector(4, len(tables), 4)
        for one in tables:
            b.PrependUOffsetTRelative(one)
        return b.EndVector()

    means, deviations = floats(mean), floats(std)
    options = table(2, f0=means, f1=deviations)
    b.StartObject(2)
    b.PrependUint8Slot(0, 1, 0)
    b.PrependUOffsetTRelativeSlot(1, options, 0)
    units = vector(b.EndObject())
    tensors = vector(table(7, f4=units))
    root = table(8, f3=vector(table(10, f2=tensors)))
    b.Finish(root, file_identifier=b"M001")

    def add(tree):
        entry, buffer = schema.MetadataT(), schema.BufferT()
        entry.name, entry.buffer = b"TFLITE_METADATA", len(tree.model.buffers)
        buffer.data = np.frombuffer(bytes(b.Output()), np.uint8)
        tree.model.buffers.append(buffer)
        tree.model.metadata = [*(tree.model.metadata or []), entry]

    return edited(content, add)


def test_weights_stored_sparse_become_dense(tmp_path, content, images):
    """A matrix with blocks left out, as pruned networks have it."""
    from ai_edge_litert import schema_py_generated as schema

    def prune(tree):
        kernel = next(o for o in tree.operators if tree.kind(o) == "FULLY_CONNECTED").inputs[1]
        tensor = tree.tensor(kernel)
        rows, columns = tree.shape(kernel)
        data = tree.model.buffers[tensor.buffer]
        dense = np.frombuffer(bytes(data.data), np.float32).reshape(rows, columns)
        kept = [[c for c in range(columns) if (r + c) % 3] for r in range(rows)]
        values = np.concatenate([dense[r, kept[r]] for r in range(rows)])
        tensor.sparsity = schema.SparsityParametersT()
        tensor.sparsity.traversalOrder, tensor.sparsity.blockMap = [0, 1], []
        whole, parts = schema.DimensionMetadataT(), schema.DimensionMetadataT()
        whole.format, whole.denseSize = schema.DimensionType.DENSE, rows
        parts.format = schema.DimensionType.SPARSE_CSR
        for name, numbers in (
            ("arraySegments", np.cumsum([0, *map(len, kept)])),
            ("arrayIndices", np.concatenate(kept)),
        ):
            setattr(parts, name, schema.Int32VectorT())
            getattr(parts, name).values = [int(n) for n in numbers]
            setattr(parts, f"{name}Type", schema.SparseIndexVector.Int32Vector)
        tensor.sparsity.dimMetadata = [whole, parts]
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
        tree.model.buffers.append(buffer)
        tensor.buffer = len(tree.model.buffers) - 1

    check_alike(opened(tmp_path, edited(content, prune)), images)


def custom(tree):
    tree.model.operatorCodes[0].builtinCode = 32
    tree.model.operatorCodes[0].deprecatedBuiltinCode = 32
    tree.model.operatorCodes[0].customCode = b"Convolution2DTransposeBias"


def variable(tree):
    tree.subgraph.tensors[-1].isVariable = True


def two_images(tree):
    tree.subgraph.inputs = [*tree.subgraph.inputs, *tree.subgraph.inputs]
    tree.model.signatureDefs = []


def row(tree):
    tree.tensor(tree.subgraph.inputs[0]).shape = [1, 100]
    tree.tensor(tree.subgraph.inputs[0]).shapeSignature = None


REFUSED = {
    custom: "has custom operators: Convolution2DTransposeBias; expected operators of TFLite alone",
    variable: "keeps a state from one image to the next",
    two_images: "has 2 inputs",
    row: r"has an input of shape \[1, 100\]; expected an image",
}


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_what_is_no_float_network_of_an_image_is_refused(change, tmp_path, content):
    with pytest.raises(RequestError, match=REFUSED[change]) as refused:
        opened(tmp_path, edited(content, change))
    assert "\n" not in str(refused.value)


def test_int8_files_are_refused_with_the_remedy(tmp_path, content, images):
    from quantize.ranges.calibration import calibrate
    from quantize.ranges.choose_scale import choose_ranges
    from quantize.schemes import int8, int8_dynamic

    graph = Graph(content)
    seen = calibrate(graph, np.tile(images, (2, 1, 1, 1))[:, None], 1)
    quantized = int8.quantize(graph, choose_ranges(graph, seen))
    for found, how in (
        (quantized, "computes"),
        (int8_dynamic.quantize(graph), "stores the weights"),
    ):
        with pytest.raises(RequestError, match=rf"{how} .* in int8: the float values are gone"):
            opened(tmp_path, found.content)


def test_bytes_that_are_no_file_are_refused(tmp_path, content):
    for wrong, how in ((b"no file at all", "is no .tflite file"), (content[:200], "is damaged")):
        (tmp_path / "net.tflite").write_bytes(wrong)
        with pytest.raises(RequestError, match=how):
            TfliteFile.open(tmp_path / "net.tflite")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float32", "float16"])
def test_everything_is_made_of_it_and_verified_against_the_file(name, tmp_path, content, capsys):
    """int8, ONNX, the table, the bench: as for a Keras model."""
    from export.__main__ import main

    graph = Graph(content)
    given = graph if name == "float32" else float16.quantize(graph)
    (tmp_path / "net.tflite").write_bytes(given.content)
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (200, SIDE, SIDE, 3), dtype=np.uint8)
    np.savez(tmp_path / "photos.npz", x=x, y=rng.integers(0, 4, 200))
    model, out = str(tmp_path / "net.tflite"), str(tmp_path / "out")
    asked = ["--model", model, "--data", str(tmp_path / "photos.npz"), "--out", out]
    assert main([*asked, "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["reference"] == "net.tflite in LiteRT"
    made = {one["name"]: one["fidelity"] for one in manifest["artifacts"]}
    assert set(made) == {
        f"{s}.{f}" for s in ("float32", "float16", "int8") for f in ("tflite", "onnx")
    }
    assert all(found["max_relative_error"] < 1e-4 for n, found in made.items() if "float32" in n)
    assert main(asked) == 0
    assert "against net.tflite in LiteRT on" in capsys.readouterr().out
