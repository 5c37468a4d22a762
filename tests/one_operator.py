"""A graph of one operator, float32 or int8, written straight from the TFLite schema."""

import numpy as np

from quantize.graph.graph import Graph

POOL = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
CONVOLUTION = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
# The options that an operator must be given: their name in the schema, and their fields.
OPTIONS = {
    "ADD": ("Add", {}),
    "SUB": ("Sub", {}),
    "MUL": ("Mul", {}),
    "DIV": ("Div", {}),
    "LEAKY_RELU": ("LeakyRelu", {"alpha": 0.1}),
    "GELU": ("Gelu", {}),
    "SOFTMAX": ("Softmax", {"beta": 1.0}),
    "MEAN": ("Reducer", {"keepDims": True}),
    "SUM": ("Reducer", {"keepDims": True}),
    "REDUCE_MAX": ("Reducer", {"keepDims": True}),
    "AVERAGE_POOL_2D": ("Pool2D", POOL),
    "MAX_POOL_2D": ("Pool2D", POOL),
    "CONCATENATION": ("Concatenation", {"axis": 3}),
    "SPLIT": ("Split", {"numSplits": 2}),
    "STRIDED_SLICE": ("StridedSlice", {}),
    "CONV_2D": ("Conv2D", CONVOLUTION),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2D", {**CONVOLUTION, "depthMultiplier": 1}),
    "FULLY_CONNECTED": ("FullyConnected", {}),
    "RESIZE_BILINEAR": ("ResizeBilinear", {"halfPixelCenters": True}),
    "DEPTH_TO_SPACE": ("DepthToSpace", {"blockSize": 2}),
}
# Kernels that have int8 in their first version; of the others it is the second.
FIRST_VERSION = ("RESHAPE", "HARD_SWISH", "PRELU", "ELU", "EXPAND_DIMS", "SQUEEZE")
SCALE, BIAS_SCALE = 1 / 16, 1 / 256
FIXED_RANGES = {"LOGISTIC": (1 / 256, -128), "SOFTMAX": (1 / 256, -128), "TANH": (1 / 128, 0)}


def one_operator(kind, inputs, output, outputs=1, dtype="float32"):
    """A graph whose inputs are shapes of activations of ``dtype``, or arrays: float32 or int8
    weights, float32 biases, and int32 settings and biases of int8. It has ``outputs`` outputs of
    the shape ``output``."""
    from ai_edge_litert import schema_py_generated as schema

    model, graph, made = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []

    def tensor(name, value, scale, zero_point=0):
        new = schema.TensorT()
        is_constant = isinstance(value, np.ndarray)
        kind_of_number = str(value.dtype if is_constant else dtype)
        new.name, new.type, new.buffer = name, getattr(schema.TensorType, kind_of_number.upper()), 0
        new.shape = list(value.shape if is_constant else value)
        if is_constant:
            new.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(value.tobytes(), np.uint8)
        if dtype == "int8":
            scale = BIAS_SCALE if kind_of_number == "int32" else scale
            new.quantization = schema.QuantizationParametersT()
            new.quantization.scale, new.quantization.zeroPoint = [scale], [zero_point]
        graph.tensors.append(new)
        return len(graph.tensors) - 1

    made.opcodeIndex = 0
    made.inputs = [tensor(f"input {n}", value, SCALE) for n, value in enumerate(inputs)]
    given = FIXED_RANGES.get(kind, (SCALE, 0))
    made.outputs = [tensor(f"output {n}", output, *given) for n in range(outputs)]
    if kind in OPTIONS:
        name, fields = OPTIONS[kind]
        made.builtinOptionsType = getattr(schema.BuiltinOptions, f"{name}Options")
        made.builtinOptions = getattr(schema, f"{name}OptionsT")()
        for field, value in fields.items():
            setattr(made.builtinOptions, field, value)
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1 if dtype == "float32" or kind in FIRST_VERSION else 2
    model.operatorCodes, graph.operators = [code], [made]
    graph.inputs = [
        i for i, value in zip(made.inputs, inputs, strict=True) if not isinstance(value, np.ndarray)
    ]
    graph.outputs, model.subgraphs = list(made.outputs), [graph]
    return Graph.packed(model)
