"""Small .onnx files for tests, written node by node."""

import numpy as np

from models.onnx_files.onnx_file import OnnxFile

IMAGE = (1, 3, 9, 8)  # odd and even, so that no two paddings are alike


def node(kind, inputs, output="y", **attributes):
    """A node; several names in one string, separated by spaces, and "-" for one left out."""
    from onnx import helper

    names = ["" if name == "-" else name for name in inputs.split(" ")]
    return helper.make_node(kind, names, output.split(" "), **attributes)


def model(nodes, constants=(), image=IMAGE, outputs="y", opset=17, dtype="float32"):
    """A ModelProto that reads ``x``, of shape ``image`` (text for a size that is left open)."""
    from onnx import helper, numpy_helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("x", kind, list(image))],
        [helper.make_empty_tensor_value_info(name) for name in outputs.split(" ")],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in dict(constants).items()
        ],
    )
    for described in graph.output:
        described.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype("float32"))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write(path, made) -> OnnxFile:
    """The model written to ``path`` and opened from there."""
    path.write_bytes(made.SerializeToString())
    return OnnxFile.open(path)


def classifier(rng, classes=3, side=16, softmax=True):
    """A network as PyTorch exports it: NCHW, padded strided convolutions, h-swish, a Gemm."""

    def weights(*shape):
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)

    nodes = [
        node("Conv", "x w0 b0", "a", strides=[2, 2], pads=[1, 1, 1, 1], name="/stem/stem.0/Conv"),
        node("HardSwish", "a", "h", name="/stem/stem.2/HardSwish"),
        node("Conv", "h w1 b1", "d", group=8, pads=[1, 1, 1, 1], name="/block/depthwise/Conv"),
        node("Relu", "d", "e", name="/block/act/Relu"),
        node("Conv", "e w2 b2", "p", name="/block/project/Conv"),
        node("Add", "h p", "s", name="/block/Add"),
        node("GlobalAveragePool", "s", "g", name="/pool/GlobalAveragePool"),
        node("Flatten", "g", "f", name="/Flatten"),
        node("Gemm", "f w3 b3", "logits", transB=1, name="/classifier/Gemm"),
    ]
    nodes += [node("Softmax", "logits", "y", axis=1)] if softmax else []
    constants = {
        "w0": weights(8, 3, 3, 3), "w1": weights(8, 1, 3, 3), "w2": weights(8, 8, 1, 1),
        "w3": weights(classes, 8),
        **{f"b{n}": rng.normal(0, 0.1, size).astype(np.float32)
           for n, size in enumerate((8, 8, 8, classes))},
    }  # fmt: skip
    return model(nodes, constants, (1, 3, side, side), "y" if softmax else "logits")
