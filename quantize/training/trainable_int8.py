"""An int8 graph whose weights, biases and steps of activations can be trained.

It computes in real numbers what integer kernels compute, so that what is trained is what is stored.
"""

import copy
from collections import Counter
from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.simulation.simulation import Simulation, real_constant
from quantize.training import fake_quantization
from quantize.training.shared_steps import groups

NEAREST = 0.49  # of a step: how far from its integer a weight may begin


@dataclass(frozen=True)
class Layer:
    """The constants of one layer of int8 weights, by name, and its output; ``bias`` None without
    one. ``step``: of the weights, in a shape that spreads over them; ``output_step``."""

    output: str
    weights: str
    bias: str | None
    step: np.ndarray
    output_step: float


class TrainableInt8:
    """Variables for ``graph``, an int8 form of ``floats``; operators that are float there stay so.

    ``weights`` are in steps of their channel, ``biases`` in steps of the layer's output; ``steps``
    are natural logarithms of what each step of activations is multiplied by. ValueError where an
    operator has no gradient.
    """

    def __init__(self, graph: Graph, floats: Graph) -> None:
        import tensorflow as tf

        self.graph = graph
        self._simulation = Simulation(graph)
        self._layers = layers(graph)
        self._groups = groups(graph, _inputs_of_others(graph, self._layers))
        self._group_of = {name: n for n, names in enumerate(self._groups) for name in names}
        self._affine = {name: graph.quantization(name) for name in graph.activations}
        begin = _start(graph, floats, self._layers)
        self.weights = [tf.Variable(begin[layer.weights]) for layer in self._layers]
        self.biases = [
            tf.Variable(real_constant(graph, layer.bias) / np.float32(layer.output_step))
            for layer in self._with_bias
        ]
        self.steps = [tf.Variable(0.0) for _ in self._groups]

    @property
    def variables(self) -> list:
        return [*self.weights, *self.biases, *self.steps]

    @property
    def _with_bias(self) -> list[Layer]:
        return [layer for layer in self._layers if layer.bias is not None]

    def outputs(self, images) -> list:
        """The outputs for ``images`` [n, h, w, c], float32."""
        return self._simulation.outputs(
            images, visit=self._as_integers(), constants=self._constants()
        )

    def first_not_finite(self, images) -> str | None:
        """The name of the first tensor with a value that is not finite for ``images``; None where
        all are."""
        found: list[str] = []

        def look(name, value):
            if not found and not np.isfinite(value.numpy()).all():
                found.append(name)
            return as_integers(name, value)

        as_integers = self._as_integers()
        self._simulation.outputs(images, visit=look, constants=self._constants())
        return found[0] if found else None

    def _as_integers(self):
        import tensorflow as tf

        factors = [tf.exp(step) for step in self.steps]

        def visit(name, value):
            affine = self._affine.get(name)
            if affine is None:
                return value
            step = tf.constant(affine.scale[0])
            if name in self._group_of:
                step *= factors[self._group_of[name]]
            return fake_quantization.activation(value, step, float(affine.zero_point[0]))

        return visit

    def _constants(self) -> dict:
        made = {
            layer.weights: fake_quantization.weights(steps) * layer.step
            for layer, steps in zip(self._layers, self.weights, strict=True)
        }
        for layer, steps in zip(self._with_bias, self.biases, strict=True):
            made[layer.bias] = steps * layer.output_step
        return made

    def trained(self) -> Graph:
        """The int8 graph of what the variables hold."""
        editor = GraphEditor(self.graph)
        self._write_steps(editor)
        weights = {x.output: v.numpy() for x, v in zip(self._layers, self.weights, strict=True)}
        biases = {
            x.output: v.numpy().astype(np.float64) * x.output_step
            for x, v in zip(self._with_bias, self.biases, strict=True)
        }
        for operator in editor.operators:
            output = editor.name(int(operator.outputs[0]))
            if output not in weights:
                continue
            limit = fake_quantization.LARGEST_WEIGHT
            editor.write(operator, 1, np.clip(np.rint(weights[output]), -limit, limit))
            if output in biases:
                _write_bias(editor, operator, biases[output])
        return editor.graph()

    def _write_steps(self, editor: GraphEditor) -> None:
        for tensor in editor.subgraph.tensors:
            group = self._group_of.get(tensor.name.decode())
            if group is not None:
                factor = np.exp(self.steps[group].numpy())
                tensor.quantization = copy.copy(tensor.quantization)
                tensor.quantization.scale = np.float32(tensor.quantization.scale) * factor


def layers(graph: Graph) -> list[Layer]:
    """The layers of ``graph`` with int8 weights of their own, which no other layer reads."""
    readers = Counter(name for _, inputs, _ in graph.operators() for name in set(inputs))
    found = []
    for kind, inputs, outputs in graph.operators():
        output, affine = outputs[0], graph.quantization(outputs[0])
        if kind not in LINEAR or affine is None or any(readers[name] > 1 for name in inputs[1:]):
            continue
        if not graph.is_constant(inputs[1]) or graph.dtype(inputs[1]) != np.int8:
            continue
        bias = inputs[2] if len(inputs) > 2 and _is_bias(graph, inputs[2]) else None
        step = graph.quantization(inputs[1])
        shape = [1] * len(graph.tensor(inputs[1]).shape)
        if len(step.scale) > 1:
            shape[step.axis] = -1
        spread, output_step = step.scale.reshape(shape), float(affine.scale[0])
        found.append(Layer(output, inputs[1], bias, spread, output_step))
    return found


def _inputs_of_others(graph: Graph, trained: list[Layer]) -> set[str]:
    """What other operators with a bias in steps of their input read: those steps have to stay."""
    own = {layer.output for layer in trained}
    others = [inputs for _, inputs, outputs in graph.operators() if outputs[0] not in own]
    return {name for inputs in others if any(_is_bias(graph, n) for n in inputs) for name in inputs}


def _is_bias(graph: Graph, name: str) -> bool:
    return graph.dtype(name) == np.int32 and graph.quantization(name) is not None


def _start(graph: Graph, floats: Graph, found: list[Layer]) -> dict[str, np.ndarray]:
    """Weights to begin with, in steps: as near to the float ones as still rounds to the same."""
    originals = {outputs[0]: inputs[1] for kind, inputs, outputs in floats.operators()
                 if kind in LINEAR}  # fmt: skip
    made = {}
    for layer in found:
        integers = graph.constant(layer.weights).astype(np.float32)
        original = originals.get(layer.output)
        value = None if original is None else floats.constant(original)
        if value is not None and value.shape == integers.shape:
            integers += np.clip(value / layer.step - integers, -NEAREST, NEAREST)
        made[layer.weights] = integers
    return made


def _write_bias(editor: GraphEditor, operator, bias: np.ndarray) -> None:
    """Store real values as the int32 bias, in steps of the input times those of the weights."""
    tensor = editor.tensor(int(operator.inputs[2]))
    weight_steps = np.asarray(editor.tensor(int(operator.inputs[1])).quantization.scale, np.float32)
    steps = editor.affine(int(operator.inputs[0]))[0] * weight_steps
    limit = np.iinfo(np.int32)
    integers = np.clip(np.rint(bias / steps.astype(np.float64)), limit.min, limit.max)
    tensor.quantization = copy.copy(tensor.quantization)
    tensor.quantization.scale = steps
    editor.write(operator, 2, integers)
