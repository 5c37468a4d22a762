"""The layers of an ONNX file, found by the names of the TFLite tensors that it was made from."""

import re

from bench.explain.instrumented_layer import (
    IMAGE,
    NCHW,
    NHWC,
    OUTPUT,
    InstrumentedLayer,
    InstrumentedModel,
    Operator,
    connected,
    short_name,
)
from quantize.graph.layer_names import names_of

LINEAR = ("Conv", "Gemm", "MatMul", "ConvTranspose")
PASSING = ("Relu", "Clip", "QuantizeLinear")  # what TFLite has fused into the operator ahead
# What may follow the node that computes.
FINISHING = (*PASSING, "DequantizeLinear", "Reshape", "Transpose")
GENERATED = re.compile(r".*:[a-z]\w*")  # names that no TFLite tensor has
BETWEEN = ("Transpose", "Identity", "Cast", "QuantizeLinear", "DequantizeLinear")
SPATIAL = ("Conv", "ConvTranspose", "AveragePool", "MaxPool", "GlobalAveragePool")
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def instrument(content: bytes) -> InstrumentedModel:
    """The .onnx file ``content``, written from a TFLite graph by ``export``, with more outputs."""
    import onnx

    model = onnx.load_from_string(content)
    nodes, given = list(model.graph.node), {value.name for value in model.graph.output}
    values = _Values(model)
    operators = [
        Operator(values.kind(node), list(node.input), node.output[0], values.key(node))
        for node in nodes
    ]
    linear = [o.key for o in operators if o.kind in LINEAR and o.key]
    names = dict(zip(linear, names_of([[key] for key in linear]), strict=True))
    image = model.graph.input[0].name
    layers = [InstrumentedLayer(IMAGE, IMAGE, "input", image, (), *values.affine(image))]
    for operator, sources in connected(operators, image):
        value = values.after(operator.output)
        name = names.get(operator.key) or short_name(operator.key)
        layout = NCHW if value in values.nchw else NHWC
        affine = values.affine(value)
        layers.append(
            InstrumentedLayer(operator.key, name, operator.kind, value, sources, *affine, layout)
        )
    added = [layer.value for layer in layers[1:] if layer.value not in given]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in added)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)
    return InstrumentedModel(model.SerializeToString(), tuple(layers), dtype)


class _Values:
    """Values of an ONNX model by the TFLite tensor they hold, and their layout."""

    def __init__(self, model) -> None:
        self.model = model
        self.outputs = {value.name for value in model.graph.output}
        self.constants = {i.name: i for i in model.graph.initializer}
        self.producer = {name: node for node in model.graph.node for name in node.output}
        self.readers: dict[str, list] = {}
        for node in model.graph.node:
            for name in dict.fromkeys(node.input):
                self.readers.setdefault(name, []).append(node)
        self.nchw: set[str] = set()
        for node in model.graph.node:
            if self._is_nchw(node):
                self.nchw.update(node.output)

    def key(self, node) -> str | None:
        """The TFLite tensor that ``node`` computes; None where it has none."""
        made = node.output[0]
        after = self.after(made)
        if after in self.outputs and node.op_type not in PASSING:
            return OUTPUT if after == self.model.graph.output[0].name else after
        return None if node.op_type in BETWEEN or GENERATED.fullmatch(made) else made

    def kind(self, node) -> str:
        """The kind of the node that computes what ``node`` finishes: a Conv ahead of its Clip."""
        tensor = node.output[0]
        while node.op_type in FINISHING and node.input[0].startswith(f"{tensor}:"):
            ahead = self.producer.get(node.input[0])
            if ahead is None:  # it widens stored weights
                break
            node = ahead
        return node.op_type

    def after(self, value: str) -> str:
        """``value`` after the operators that TFLite has fused into the one that makes it."""
        readers = self.readers.get(value, ())
        if len(readers) != 1 or readers[0].op_type not in PASSING or value in self.outputs:
            return value
        made = readers[0].output[0]
        if made not in self.outputs and not GENERATED.fullmatch(made):
            return value
        return self.after(made)

    def affine(self, value: str) -> tuple[float | None, int | None]:
        """Scale and zero point where the value is an integer."""
        from onnx import numpy_helper

        for node in self.model.graph.node:
            stored = node.op_type == "QuantizeLinear" and node.output[0] == value
            if stored or (node.op_type == "DequantizeLinear" and node.input[0] == value):
                scale, zero_point = (
                    numpy_helper.to_array(self.constants[name]) for name in node.input[1:3]
                )
                return float(scale), int(zero_point)
        return None, None

    def _is_nchw(self, node) -> bool:
        if node.op_type in SPATIAL:
            return True
        if node.op_type == "Transpose":
            order = next((tuple(a.ints) for a in node.attribute if a.name == "perm"), ())
            if order in (TO_NCHW, TO_NHWC):
                return order == TO_NCHW
        return any(name in self.nchw for name in node.input)
