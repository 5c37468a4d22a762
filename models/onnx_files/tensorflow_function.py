"""The graph of an .onnx file computed by TensorFlow, node after node: what the converter traces."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.command_line.errors import RequestError
from models.onnx_files.erf_gelu import with_gelu
from models.onnx_files.node import Node, UnsupportedNode
from models.onnx_files.operators import OPERATORS
from models.onnx_files.value import Value, channels_last

PLAIN_DOMAINS = ("", "ai.onnx")
SHAPES = ("Shape", "Size")  # known without computing anything
SHOWN = 4  # operators that a message names


@dataclass(frozen=True, eq=False)
class TensorflowFunction:
    """Called with an image [1, height, width, channels], it gives the file's outputs.

    ``model``: the ModelProto. ``channels_first``: whether it reads [n, c, h, w]. ``name`` is that
    of the file, for messages. RequestError where an operator has no form in TFLite.
    """

    model: object
    channels_first: bool
    name: str

    def __call__(self, image, training: bool = False):
        """Float32 tensors in the file's own order of axes: one, or a list of several."""
        import tensorflow as tf

        order = channels_last(4) if self.channels_first else (0, 1, 2, 3)
        values = constants(self.model)
        values[image_input(self.model).name] = Value(image, order)
        opset = opset_of(self.model)
        for proto in self.nodes():
            inputs = tuple(values[name] if name else None for name in proto.input)
            if not any(isinstance(found, Value) for found in inputs):
                values.update(_evaluated(proto, inputs, opset))
            elif proto.op_type in SHAPES:
                values[proto.output[0]] = _shape(proto, inputs[0])
            else:
                with tf.name_scope(_scope(proto)):
                    values.update(self._computed(tf, proto, inputs, opset))
        outputs = [self._output(tf, values[out.name]) for out in self.model.graph.output]
        return outputs[0] if len(outputs) == 1 else outputs

    def nodes(self) -> list:
        """The nodes that the outputs depend on, in their order, each GELU as one."""
        outputs = [out.name for out in self.model.graph.output]
        return needed(with_gelu(self.model.graph.node, constants(self.model)), outputs)

    def check(self) -> None:
        """RequestError that names the operators which have no form in TFLite."""
        if unknown := sorted(set(self._unknown())):
            shown = ", ".join(unknown[:SHOWN])
            more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
            raise RequestError(
                f"MODEL '{self.name}' has {shown}{more}, which cannot be converted here; expected "
                "the operators of an image network: leave them out, or convert the model by other "
                "means and use MODEL=its .tflite file"
            )

    def _unknown(self) -> Iterator[str]:
        computed = {image_input(self.model).name}
        for proto in self.nodes():
            if not computed & set(proto.input) or proto.op_type in SHAPES:
                continue
            computed |= set(proto.output)
            if proto.domain not in PLAIN_DOMAINS:
                yield f"{proto.domain}.{proto.op_type}"
            elif proto.op_type not in OPERATORS:
                yield proto.op_type

    def _computed(self, tf, proto, inputs: tuple, opset: int) -> dict:
        read = sum(bool(name) for name in proto.output)
        node = Node(proto.op_type, attributes_of(proto), inputs, read, opset)
        try:
            made = OPERATORS[proto.op_type](tf, node)
        except UnsupportedNode as error:
            raise RequestError(
                f"MODEL '{self.name}': {proto.op_type} {proto.name or proto.output[0]} {error}"
            ) from error
        return dict(zip(proto.output, made if isinstance(made, list) else [made], strict=False))

    def _output(self, tf, value):
        if not isinstance(value, Value):
            raise RequestError(
                f"MODEL '{self.name}' has an output that does not depend on its image"
            )
        made = value.plain(tf)
        return made if made.dtype == tf.float32 else tf.cast(made, tf.float32)


def constants(model) -> dict[str, np.ndarray]:
    """The stored arrays of a ModelProto by name."""
    from onnx import numpy_helper

    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def image_input(model):
    """The first input of a ModelProto that is no initializer (older files list those too)."""
    given = {one.name for one in model.graph.initializer}
    return next(one for one in model.graph.input if one.name not in given)


def opset_of(model) -> int:
    """The version of the operators of a ModelProto."""
    return max(
        (one.version for one in model.opset_import if one.domain in PLAIN_DOMAINS), default=1
    )


def attributes_of(proto) -> dict:
    """The attributes of a NodeProto by name."""
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in proto.attribute}


def needed(nodes: Sequence, outputs: Sequence[str]) -> list:
    """The nodes that ``outputs`` depend on, in their order."""
    wanted, chosen = set(outputs), []
    for proto in reversed(nodes):
        if wanted & set(proto.output):
            wanted |= set(proto.input)
            chosen.append(proto)
    return chosen[::-1]


def _shape(proto, value: Value) -> np.ndarray:
    if proto.op_type == "Size":
        return np.array(np.prod(value.shape), np.int64)
    attributes = attributes_of(proto)
    chosen = slice(attributes.get("start"), attributes.get("end"))
    return np.array(value.shape, np.int64)[chosen]


def _evaluated(proto, inputs: tuple, opset: int) -> dict[str, np.ndarray]:
    """The outputs of a node that reads constants alone."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    def described(names):
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names if n]

    graph = helper.make_graph([proto], "constant", described(proto.input), described(proto.output))
    fed = {name: value for name, value in zip(proto.input, inputs, strict=True) if name}
    found = ReferenceEvaluator(graph, opsets={"": opset}).run(None, fed)
    return dict(zip((n for n in proto.output if n), map(np.asarray, found), strict=True))


def _scope(proto) -> str:
    """The layer's name: PyTorch calls a node after its module and its kind."""
    name = (proto.name or proto.output[0]).strip("/")
    kind = re.escape(proto.op_type)
    layer = re.sub(rf"/{kind}(_\d+)?$", "", name)
    safe = re.sub(r"[^A-Za-z0-9_.\-/]", "_", layer)
    return safe if re.match(r"[A-Za-z0-9.]", safe) else f"node{safe}"
