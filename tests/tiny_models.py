"""A classifier of a few bytes, exported by hand: it says which colour an image has most of.

Built straight from the TFLite schema and the ONNX helpers, so that no test waits for TensorFlow.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from export.artifact import Artifact, Manifest, TensorInfo
from models.command_line.options import Options
from models.networks.spec import Preprocess
from models.source import resolve

SIDE = 8
PIXELS = SIDE * SIDE * 3
COLOURS = ("red", "green", "blue")
INPUT_SCALE, INPUT_ZERO_POINT = 1 / 120, -3
WEIGHT_SCALE = 1 / 127
OUTPUT_SCALE, OUTPUT_ZERO_POINT = 0.5, 1


def weights(answer_of=(0, 1, 2)):
    """float32 [3, PIXELS]: class ``answer_of[c]`` sums up colour ``c``."""
    made = np.zeros((3, SIDE * SIDE, 3), np.float32)
    for colour, answer in enumerate(answer_of):
        made[answer, :, colour] = 1
    return made.reshape(3, PIXELS)


def write_images(path, n=30, mislabelled=0):
    """An .npz of ``n`` noisy images of one colour each, the first ``mislabelled`` labels wrong."""
    noise = np.random.default_rng(7)
    y = np.arange(n) % 3
    x = noise.integers(0, 100, (n, SIDE, SIDE, 3))
    x[np.arange(n), :, :, y] += 120
    y[:mislabelled] = (y[:mislabelled] + 1) % 3
    np.savez(path, x=x.astype(np.uint8), y=y)
    return path


def tflite(answer_of=(0, 1, 2), int8=False, side=SIDE):
    """Bytes of a .tflite file: RESHAPE and FULLY_CONNECTED, float32 or fully int8."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []

    def tensor(name, shape, kind, data=None, scale=None, zero_point=0):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, list(shape), kind, 0
        if data is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale], [zero_point]
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    types = schema.TensorType
    kind = types.INT8 if int8 else types.FLOAT32
    of_input = (INPUT_SCALE, INPUT_ZERO_POINT) if int8 else (None, 0)
    values = weights(answer_of)
    if int8:
        values = np.rint(values / WEIGHT_SCALE).astype(np.int8)
    image = tensor("image", (1, side, side, 3), kind, None, *of_input)
    shape = tensor("shape", (2,), types.INT32, np.array([1, PIXELS], np.int32))
    flat = tensor("flat", (1, PIXELS), kind, None, *of_input)
    kernel = tensor("kernel", values.shape, kind, values, WEIGHT_SCALE if int8 else None)
    scores = tensor(
        "scores", (1, 3), kind, None, *((OUTPUT_SCALE, OUTPUT_ZERO_POINT) if int8 else (None, 0))
    )
    reshape, dense = schema.BuiltinOperator.RESHAPE, schema.BuiltinOperator.FULLY_CONNECTED
    model.operatorCodes, graph.operators = [], []
    for code, version, inputs, outputs in (
        (reshape, 1, (image, shape), (flat,)),
        (dense, 4 if int8 else 1, (flat, kernel, -1), (scores,)),
    ):
        operator_code, operator = schema.OperatorCodeT(), schema.OperatorT()
        operator_code.builtinCode = operator_code.deprecatedBuiltinCode = code
        operator_code.version = version
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if code == dense:
            operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
            operator.builtinOptions = schema.FullyConnectedOptionsT()
        model.operatorCodes.append(operator_code)
        graph.operators.append(operator)
    graph.inputs, graph.outputs, model.subgraphs = [image], [scores], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def onnx(answer_of=(0, 1, 2), int8=False):
    """Bytes of the same network as an .onnx file; int8 input and output where ``int8``."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {"shape": np.array([1, PIXELS], np.int64), "kernel": weights(answer_of).T}
    nodes = [helper.make_node("Reshape", ["real_image", "shape"], ["flat"])]
    nodes.append(helper.make_node("MatMul", ["flat", "kernel"], ["real_scores"]))
    kind = TensorProto.INT8 if int8 else TensorProto.FLOAT
    if int8:
        constants |= {
            "si": np.float32(INPUT_SCALE), "zi": np.int8(INPUT_ZERO_POINT),
            "so": np.float32(OUTPUT_SCALE), "zo": np.int8(OUTPUT_ZERO_POINT),
        }  # fmt: skip
        nodes.insert(0, helper.make_node("DequantizeLinear", ["image", "si", "zi"], ["real_image"]))
        nodes.append(helper.make_node("QuantizeLinear", ["real_scores", "so", "zo"], ["scores"]))
    else:
        nodes.insert(0, helper.make_node("Identity", ["image"], ["real_image"]))
        nodes.append(helper.make_node("Identity", ["real_scores"], ["scores"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", kind, [1, SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("scores", kind, [1, 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return made.SerializeToString()


def identity(model_id):
    """The identity of ``model_id``: random weights, or an empty file as tests put it there."""
    if model_id.endswith("-random"):
        arch, alpha, side, _ = model_id.rsplit("-", 3)
        size = {"alpha": float(alpha), "res": int(side)}
        return resolve(Options(arch=arch, weights="random", **size)).identity()
    with TemporaryDirectory() as folder:
        names = {"my-tiny": "my tiny"}
        path = Path(folder, names.get(model_id, model_id) + ".keras")
        path.touch()
        return resolve(Options(model=str(path))).identity()


def write_export(
    out: Path,
    model_id="tiny",
    int8_answers=(0, 1, 2),
    formats=("tflite", "onnx"),
    model=(),
    further=(),
):
    """A folder as ``make export`` leaves it, of float32 and int8; ``int8_answers`` as ``weights``'s
    ``answer_of``. ``further``: schemes with float input and the answers of their .tflite file.
    ``model``: what its identity has more, or other, than that of the ``model_id``."""
    writers = {"tflite": tflite, "onnx": onnx}
    folder = out / model_id
    folder.mkdir(parents=True)
    artifacts = []
    for file_format in formats:
        beside = dict(further).items() if file_format == "tflite" else ()
        for scheme, answer_of in (("float32", (0, 1, 2)), ("int8", int8_answers), *beside):
            int8 = scheme == "int8"
            content = writers[file_format](answer_of, int8)
            name = f"{scheme}.{file_format}"
            (folder / name).write_bytes(content)
            of_input = (INPUT_SCALE, INPUT_ZERO_POINT) if int8 else ()
            of_output = (OUTPUT_SCALE, OUTPUT_ZERO_POINT) if int8 else ()
            dtype = "int8" if int8 else "float32"
            artifacts.append(
                Artifact(
                    name,
                    file_format,
                    scheme,
                    hashlib.sha256(content).hexdigest(),
                    len(content),
                    (TensorInfo("image", (1, SIDE, SIDE, 3), dtype, *of_input),),
                    (TensorInfo("scores", (1, 3), dtype, *of_output),),
                    ops={},
                    fidelity=None,
                )
            )
    manifest = Manifest(
        model_id,
        "key",
        {"labels_known": True, **identity(model_id), **dict(model)},
        "logits",
        3,
        Preprocess(),
        {"name": "demo", "images": 128},
        {"name": "demo", "images": 64},
        tuple(artifacts),
        {},
        "by hand",
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    return manifest
