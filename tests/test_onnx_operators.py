"""Operators of .onnx files, converted: LiteRT gives what ONNX Runtime does on the file itself."""

import numpy as np
import pytest
from onnx_models import IMAGE, model, node, write

from models.command_line.errors import RequestError
from quantize.graph.graph import Graph

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(0, 1, shape).astype(np.float32)


def positive(*shape):
    return (np.abs(normal(*shape)) + 0.5).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def conv(kernel, image=IMAGE, **attributes):
    return (
        [node("Conv", "x w b", **attributes)],
        {"w": normal(*kernel), "b": normal(kernel[0])},
        image,
    )


def one(kind, image=IMAGE, constants=(), inputs="x", opset=17, **attributes):
    return [node(kind, inputs, **attributes)], dict(constants), image, opset


GELU = [
    node("Div", "x root", "a"), node("Erf", "a", "b"), node("Add", "b one", "c"),
    node("Mul", "x c", "d"), node("Mul", "d half", "y"),
]  # fmt: skip
SHUFFLE = [
    node("Conv", "x w", "a"), node("Reshape", "a apart", "b"),
    node("Transpose", "b", "c", perm=[0, 2, 1, 3, 4]), node("Reshape", "c whole", "d"),
    node("Conv", "d v", "y"),
]  # fmt: skip
TOKENS = [
    node("Conv", "x w", "a", strides=[3, 2]), node("Flatten", "a", "f", axis=2),
    node("Reshape", "a tokens", "b"), node("Transpose", "b", "c", perm=[0, 2, 1]),
    node("LayerNormalization", "c scale shift", "d", axis=-1), node("MatMul", "d m", "e"),
    node("Transpose", "e", "g", perm=[0, 2, 1]), node("MatMul", "e g", "h"),
    node("Softmax", "h", "i", axis=-1), node("MatMul", "i e", "j"),
    node("ReduceMean", "j", "y", axes=[1], keepdims=0),
]  # fmt: skip
COMPUTED_SHAPE = [
    node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n first", "u"),
    node("Concat", "u rest", "shape", axis=0), node("Reshape", "x shape", "y"),
]  # fmt: skip
CASES = {
    "conv": conv((4, 3, 3, 3)),
    "conv-padded": conv((4, 3, 3, 3), pads=[1, 1, 1, 1]),
    "conv-strided": conv((4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]),
    "conv-uneven": conv((4, 3, 3, 2), pads=[0, 1, 2, 0], strides=[2, 1]),
    "conv-dilated": conv((4, 3, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2]),
    "conv-same-lower": conv((4, 3, 2, 2), auto_pad="SAME_LOWER", strides=[2, 2]),
    "conv-same-upper": conv((4, 3, 2, 2), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv-grouped": conv((6, 2, 3, 3), (1, 4, 9, 8), group=2, pads=[1, 1, 1, 1]),
    "conv-depthwise": conv((3, 1, 3, 3), group=3, pads=[1, 1, 1, 1], strides=[2, 2]),
    "conv-multiplied": conv((6, 1, 3, 3), group=3),
    "conv-depthwise-dilated": conv((3, 1, 3, 3), group=3, dilations=[2, 2], pads=[2, 2, 2, 2]),
    "conv-transpose": (
        [node("ConvTranspose", "x w b", strides=[2, 2])], {"w": normal(3, 4, 2, 2), "b": normal(4)},
    ),
    "conv-transpose-padded": (
        [node("ConvTranspose", "x w", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])],
        {"w": normal(3, 4, 3, 3)},
    ),
    "conv-transpose-cut": (
        [node("ConvTranspose", "x w", strides=[2, 1], pads=[1, 0, 0, 2])],
        {"w": normal(3, 4, 4, 3)},
    ),
    "conv-transpose-grouped": (
        [node("ConvTranspose", "x w", strides=[2, 2], group=2, dilations=[1, 2])],
        {"w": normal(4, 3, 3, 2)}, (1, 4, 5, 6),
    ),
    "gemm": (
        [node("Flatten", "x", "f"), node("Gemm", "f w b", alpha=0.5, beta=2.0)],
        {"w": normal(216, 5), "b": normal(5)},
    ),
    "gemm-of-a-map": (
        [node("Conv", "x w", "c"), node("Flatten", "c", "f"), node("Gemm", "f v b", transB=1)],
        {"w": normal(4, 3, 1, 1), "v": normal(5, 288), "b": normal(5)},
    ),
    "max-pool": one("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "max-pool-padded": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "max-pool-of-relu": (
        [node("Relu", "x", "r"), node("MaxPool", "r", kernel_shape=[3, 3], strides=[2, 2],
                                      pads=[1, 1, 1, 1])], {},
    ),
    "max-pool-ceil": one("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "average-pool": one("AveragePool", kernel_shape=[3, 2], strides=[1, 2]),
    "average-pool-padded": one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "average-pool-counted": one(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "average-pool-ceil": one("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "global-max-pool": one("GlobalMaxPool"),
    "batch-norm": one(
        "BatchNormalization", inputs="x s b m v",
        constants={"s": normal(3), "b": normal(3), "m": normal(3), "v": positive(3)},
    ),
    "instance-norm": one(
        "InstanceNormalization", inputs="x s b", constants={"s": normal(3), "b": normal(3)}
    ),
    "local-response": one("LRN", image=(1, 8, 9, 8), size=5, alpha=0.1),
    "l2-norm": one("LpNormalization", axis=1, p=2),
    "add-of-a-channel": one("Add", inputs="x w", constants={"w": normal(3, 1, 1)}),
    "multiply-with-a-row": one("Mul", inputs="w x", constants={"w": normal(8)}),
    "subtract-from-a-number": one("Sub", inputs="w x", constants={"w": np.float32(2)}),
    "divide": one("Div", inputs="x w", constants={"w": positive(1, 3, 1, 1)}),
    "max": one("Max", inputs="x w", constants={"w": normal(1, 3, 9, 8)}),
    "square": one("Pow", inputs="x w", constants={"w": np.float32(2)}),
    "sqrt": ([node("Abs", "x", "a"), node("Sqrt", "a")], {}),
    "where": (
        [node("Greater", "x zero", "c"), node("Where", "c x w")],
        {"zero": np.float32(0), "w": normal(3, 1, 1)},
    ),
    "squeeze-and-excite": (
        [
            node("GlobalAveragePool", "x", "g"), node("Conv", "g w", "c"),
            node("HardSigmoid", "c", "h", alpha=1 / 6), node("Mul", "h x"),
        ],
        {"w": normal(3, 3, 1, 1)},
    ),
    **{
        kind: one(kind)
        for kind in (
            "Relu", "Sigmoid", "Tanh", "Exp", "Neg", "Abs", "LeakyRelu", "Elu", "Selu", "HardSwish",
            "HardSigmoid", "Softplus", "Softsign", "Floor", "Sin", "Cos", "Identity",
        )
    },
    "mish": one("Mish", opset=18),
    "gelu": one("Gelu", opset=20),
    "gelu-tanh": one("Gelu", opset=20, approximate="tanh"),
    "gelu-by-erf": (
        GELU, {"root": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)}
    ),
    "clip-6": one("Clip", inputs="x l h", constants={"l": np.float32(0), "h": np.float32(6)}),
    "clip-one-side": one("Clip", inputs="x - h", constants={"h": np.float32(0.5)}),
    "clip-by-attributes": one("Clip", opset=7, min=-0.5, max=0.5),
    "prelu": one("PRelu", inputs="x s", constants={"s": positive(3, 1, 1)}),
    "softmax-of-channels": one("Softmax", axis=1),
    "softmax-of-old": one("Softmax", opset=11, axis=1),
    "log-softmax": one("LogSoftmax", axis=-1),
    "mean-of-pixels": one("ReduceMean", axes=[2, 3], keepdims=0),
    "mean-of-channels": one("ReduceMean", axes=[1], keepdims=1),
    "sum-by-input": one("ReduceSum", inputs="x a", constants={"a": ints(-1)}, keepdims=0),
    "l2": one("ReduceL2", axes=[1]),
    "concat": (
        [node("Relu", "x", "r"), node("Concat", "x r w", axis=1)], {"w": normal(1, 2, 9, 8)},
    ),
    "split": (
        [node("Split", "x s", "a b", axis=2), node("Concat", "b a", axis=2)], {"s": ints(4, 5)},
    ),
    "chunk": (
        [node("Split", "x", "a b", axis=3), node("Mul", "a b")], {},
    ),
    "slice": one(
        "Slice", inputs="x s e a p",
        constants={"s": ints(1, -1), "e": ints(100, -100), "a": ints(2, 3), "p": ints(2, -1)},
    ),
    "slice-by-attributes": one("Slice", opset=9, starts=[1], ends=[-1], axes=[2]),
    "gather-channels": one("Gather", inputs="x i", constants={"i": ints(2, 0, 1)}, axis=1),
    "gather-one": one("Gather", inputs="x i", constants={"i": np.int64(-1)}, axis=2),
    "pad": one(
        "Pad", inputs="x p v",
        constants={"p": ints(0, 0, 1, 2, 0, 1, 0, 3), "v": np.float32(0.5)},
    ),
    "pad-negative": one("Pad", inputs="x p", constants={"p": ints(0, 0, -1, 1, 0, 0, -2, -1)}),
    "pad-reflect": one(
        "Pad", inputs="x p", constants={"p": ints(0, 0, 1, 2, 0, 0, 1, 2)}, mode="reflect"
    ),
    "pad-old": one("Pad", opset=10, pads=[0, 0, 1, 1, 0, 0, 1, 1]),
    "expand": (
        [node("GlobalAveragePool", "x", "g"), node("Expand", "g s")], {"s": ints(1, 3, 9, 8)},
    ),
    "tile": one("Tile", inputs="x r", constants={"r": ints(1, 2, 1, 2)}),
    "depth-to-space": one("DepthToSpace", image=(1, 8, 4, 5), blocksize=2, mode="DCR"),
    "pixel-shuffle": one("DepthToSpace", image=(1, 8, 4, 5), blocksize=2, mode="CRD"),
    "space-to-depth": one("SpaceToDepth", image=(1, 3, 4, 6), blocksize=2),
    "transpose": one("Transpose", perm=[0, 3, 1, 2]),
    "squeeze": (
        [
            node("GlobalAveragePool", "x", "g"), node("Squeeze", "g a", "s"),
            node("Unsqueeze", "s b"),
        ],
        {"a": ints(2, 3), "b": ints(0, 2)},
    ),
    "channel-shuffle": (
        SHUFFLE,
        {"w": normal(6, 3, 1, 1), "v": normal(4, 6, 1, 1),
         "apart": ints(1, 2, 3, 9, 8), "whole": ints(0, 6, 9, 8)},
    ),
    "tokens": (
        TOKENS,
        {"w": normal(6, 3, 3, 2), "tokens": ints(0, 6, -1), "scale": normal(6), "shift": normal(6),
         "m": normal(6, 6)},
    ),
    "computed-shape": (
        COMPUTED_SHAPE, {"zero": np.int64(0), "first": ints(0), "rest": ints(-1)}, (1, 3, 9, 8),
    ),
    "upsample-nearest": one(
        "Resize", inputs="x - s", constants={"s": np.array([1, 1, 2, 2], np.float32)},
        mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    ),
    "upsample-linear": one(
        "Resize", inputs="x - s", constants={"s": np.array([1, 1, 2, 2], np.float32)},
        mode="linear", coordinate_transformation_mode="half_pixel",
    ),
    "resize-corners": one(
        "Resize", inputs="x - - s", constants={"s": ints(1, 3, 5, 13)},
        mode="linear", coordinate_transformation_mode="align_corners",
    ),
    "resize-cubic": one(
        "Resize", inputs="x - - s", constants={"s": ints(1, 3, 18, 12)}, mode="cubic",
        coordinate_transformation_mode="half_pixel",
    ),
    "resize-nearest-rounded": one(
        "Resize", inputs="x - - s", constants={"s": ints(1, 3, 14, 5)}, mode="nearest"
    ),
    "upsample": one(
        "Upsample", opset=9, inputs="x s", constants={"s": np.array([1, 1, 2, 3], np.float32)},
        mode="nearest",
    ),
    "channels-last-file": (
        [node("Transpose", "x", "n", perm=[0, 3, 1, 2]), node("Conv", "n w")],
        {"w": normal(4, 3, 3, 3)}, (1, 9, 8, 3),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def converted():
    """A function from an opened file to its float graph."""
    from models.keras_files import float_graph

    def convert(file) -> Graph:
        size = file.size
        return Graph(float_graph.convert(file.function, size.height, size.width, size.channels))

    return convert


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_an_operator_gives_the_outputs_of_onnx_runtime(name, converted, tmp_path):
    nodes, constants, *rest = CASES[name]
    image, opset = (*rest, *(IMAGE, 17)[len(rest) :])
    file = write(tmp_path / "small.onnx", model(nodes, constants, image, opset=opset))
    file.check_float()
    size = (file.size.height, file.size.width, file.size.channels)
    images = np.random.default_rng(1).normal(0, 2, (2, *size)).astype(np.float32)
    expected = file.predict(images)
    interpreter = converted(file).interpreter(threads=1)
    for picture, row in zip(images, expected, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
        interpreter.invoke()
        (output,) = interpreter.get_output_details()
        found = interpreter.get_tensor(output["index"])
        assert found.shape == file.outputs[0].shape
        np.testing.assert_allclose(found.ravel(), row, rtol=1e-4, atol=2e-5)


@pytest.mark.slow
def test_padding_ahead_of_the_largest_value_is_plain_where_it_may_be(converted, tmp_path):
    """XNNPACK has a PAD, and no MIRROR_PAD."""
    for name, expected in (("max-pool-of-relu", "PAD"), ("max-pool-padded", "MIRROR_PAD")):
        file = write(tmp_path / "small.onnx", model(*CASES[name][:2]))
        kinds = converted(file).op_histogram
        assert set(kinds) - {"RELU", "TRANSPOSE"} == {expected, "MAX_POOL_2D"}


@pytest.mark.slow
def test_a_network_of_pytorch_is_transposed_nowhere(converted, tmp_path):
    """Channels move once, by name alone; the shuffle of a shufflenet is the one TRANSPOSE left."""
    nodes = [node("Conv", "x w", "s"), *SHUFFLE[1:], node("GlobalAveragePool", "y", "g")]
    nodes[1] = node("Reshape", "s apart", "b")
    _, constants = CASES["channel-shuffle"]
    file = write(tmp_path / "small.onnx", model(nodes, constants, outputs="g"))
    histogram = converted(file).op_histogram
    assert histogram["TRANSPOSE"] == 1
    assert histogram["CONV_2D"] == 2


def test_operators_without_a_form_in_tflite_are_named(tmp_path):
    nodes = [node("NonZero", "x", "a"), node("Cast", "a", "y", to=1)]
    file = write(tmp_path / "small.onnx", model(nodes))
    with pytest.raises(RequestError, match=r"has NonZero, which cannot be converted here"):
        file.check_float()


@pytest.mark.slow
def test_what_an_operator_cannot_do_is_said_with_its_name(converted, tmp_path):
    nodes = [node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2], name="/pool")]
    file = write(tmp_path / "small.onnx", model(nodes))
    with pytest.raises(RequestError, match=r"MaxPool /pool has dilations \[2, 2\]; expected 1"):
        converted(file)
