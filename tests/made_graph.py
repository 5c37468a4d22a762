"""Float graphs of any operators, written straight from the TFLite schema."""

import numpy as np

from quantize.graph.graph import Graph

# Kinds whose options are called otherwise in the schema than they are themselves.
OPTIONS = {
    "CONV_2D": "Conv2D",
    "CONV_3D": "Conv3D",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
    "AVERAGE_POOL_2D": "Pool2D",
    "MAX_POOL_2D": "Pool2D",
    "L2_POOL_2D": "Pool2D",
    "L2_NORMALIZATION": "L2Norm",
    "BATCH_MATMUL": "BatchMatMul",
    "MEAN": "Reducer",
    "SUM": "Reducer",
    "REDUCE_MAX": "Reducer",
    "REDUCE_MIN": "Reducer",
    "REDUCE_PROD": "Reducer",
    "REDUCE_ANY": "Reducer",
    "REDUCE_ALL": "Reducer",
    "PADV2": "PadV2",
    "TOPK_V2": "TopKV2",
    "REVERSE_V2": "ReverseV2",
    "GATHER_ND": "GatherNd",
    "SELECT_V2": "SelectV2",
    "SPACE_TO_BATCH_ND": "SpaceToBatchND",
    "BATCH_TO_SPACE_ND": "BatchToSpaceND",
    "ADD_N": "AddN",
}
VERSIONS = {"BROADCAST_TO": 2}  # of kernels that LiteRT has no first version of
ONES = ("strideH", "strideW", "dilationHFactor", "dilationWFactor", "depthMultiplier", "beta")


class MadeGraph:
    """A graph in the making; tensors are known by their index."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema, self.model, self.subgraph = schema, schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.buffers = 3, [schema.BufferT()]
        self.model.operatorCodes, self.model.subgraphs = [], [self.subgraph]
        self.subgraph.tensors, self.subgraph.operators, self.subgraph.inputs = [], [], []

    def input(self, name, shape, dtype="float32"):
        """A new input of the graph."""
        self.subgraph.inputs.append(self._tensor(name, shape, dtype))
        return self.subgraph.inputs[-1]

    def constant(self, value, name=None):
        """A new constant of the dtype of ``value``."""
        made = self._tensor(name or f"constant {len(self.model.buffers)}", value.shape, value.dtype)
        self.subgraph.tensors[made].buffer = len(self.model.buffers)
        self.model.buffers.append(self.schema.BufferT())
        self.model.buffers[-1].data = np.frombuffer(value.tobytes(), np.uint8)
        return made

    def apply(self, kind, inputs, *shapes, dtypes=("float32",), names=(), **fields):
        """The outputs of a new operator, of ``shapes``. ``inputs``: tensors, arrays that become
        constants, or None. ``fields``: its options."""
        schema, operator = self.schema, self.schema.OperatorT()
        operator.inputs = [
            -1 if i is None else self.constant(i) if isinstance(i, np.ndarray) else i
            for i in inputs
        ]
        dtypes = [*dtypes, *dtypes[-1:] * len(shapes)]
        names = [*names, *(f"{kind.lower()}_{len(self.subgraph.tensors) + i}" for i in range(9))]
        operator.outputs = [
            self._tensor(name, shape, dtype)
            for name, shape, dtype in zip(names, shapes, dtypes, strict=False)
        ]
        name = OPTIONS.get(kind, "".join(part.capitalize() for part in kind.split("_")))
        if hasattr(schema, f"{name}OptionsT"):
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{name}Options")
            operator.builtinOptions = getattr(schema, f"{name}OptionsT")()
            for field in vars(operator.builtinOptions):
                if field in ONES:
                    setattr(operator.builtinOptions, field, 1)
            for field, value in fields.items():
                assert hasattr(operator.builtinOptions, field), field
                setattr(operator.builtinOptions, field, value)
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = VERSIONS.get(kind, 1)
        operator.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(code)
        self.subgraph.operators.append(operator)
        return operator.outputs if len(shapes) > 1 else operator.outputs[0]

    def graph(self, *outputs):
        """The graph with those outputs."""
        self.subgraph.outputs, self.model.signatureDefs = list(outputs), []
        return Graph.packed(self.model)

    def _tensor(self, name, shape, dtype):
        made = self.schema.TensorT()
        made.name, made.shape, made.buffer = name.encode(), [int(n) for n in shape], 0
        made.type = getattr(self.schema.TensorType, str(np.dtype(dtype)).upper())
        self.subgraph.tensors.append(made)
        return len(self.subgraph.tensors) - 1
