"""An int8 graph whose weights, biases and steps of activations can be trained.

It computes in real numbers what integer kernels compute, so that what is trained is what is stored.
"""

import copy
import math
from collections.abc import Sequence

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.simulation.operators import OPERATORS
from quantize.simulation.simulation import Simulation, real, real_constant
from quantize.training import fake_quantization
from quantize.training.shared_steps import groups
from quantize.training.trainable_layers import Layer, inputs_of_others, layers

MEAN_OF = 32  # images


class TrainableInt8:
    """Variables for ``graph``, an int8 form of ``floats``; operators that are float there stay so.

    ``weights`` are in steps of their channel, ``biases`` in steps of the layer's output; ``steps``
    are natural logarithms of what each step of activations is multiplied by. Biases take what the
    mean output changes by other weights, for the mean input on ``images``: most inputs are no less
    than 0, and weights that move together would move the mean far. ValueError where an operator has
    no gradient.
    """

    def __init__(self, graph: Graph, floats: Graph, images: np.ndarray) -> None:
        import tensorflow as tf

        self.graph = graph
        self._simulation = Simulation(graph)
        self._layers = layers(graph)
        self._layer_of = {layer.weights: layer for layer in self._layers}
        self._groups = groups(graph, inputs_of_others(graph, self._layers))
        self._group_of = {name: n for n, names in enumerate(self._groups) for name in names}
        self._affine = {name: graph.quantization(name) for name in graph.activations}
        begin = _start(graph, floats, self._layers)
        self.weights = [tf.Variable(begin[layer.weights]) for layer in self._layers]
        self.biases = [
            tf.Variable(real_constant(graph, layer.bias) / np.float32(layer.output_step))
            for layer in self._with_bias
        ]
        self.steps = [tf.Variable(0.0) for _ in self._groups]
        self._means = self._mean_inputs(images[:: max(1, len(images) // MEAN_OF)])

    @property
    def variables(self) -> list:
        return [*self.weights, *self.biases, *self.steps]

    @property
    def lowest_output(self) -> float:
        """The lowest value that the last output can have, by the steps it began with."""
        affine = self.graph.quantization(self.graph.outputs[-1])
        if affine is None:
            return -math.inf
        return float((fake_quantization.LOWEST - affine.zero_point[0]) * affine.scale[0])

    @property
    def _with_bias(self) -> list[Layer]:
        return [layer for layer in self._layers if layer.bias is not None]

    def outputs(self, images) -> list:
        """The outputs for ``images`` [n, h, w, c], float32."""
        return self._simulation.outputs(
            images, self._as_integers(), self._on_integers, self._constants()
        )

    def _mean_inputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """The mean input of each layer by its output, in a shape that spreads over its weights."""
        names = {layer.input for layer in self._layers}
        sums: dict[str, np.ndarray] = {}
        as_integers = self._as_integers()

        def add(name, value):
            value = as_integers(name, value)
            if name in names:
                sums[name] = sums.get(name, 0) + value.numpy().mean(axis=0, dtype=np.float64)
            return value

        for image in images:
            self._simulation.outputs(np.float32(image)[None], add, self._on_integers)
        return {x.output: x.spread(sums[x.input] / len(images)) for x in self._layers}

    def first_not_finite(self, images) -> str | None:
        """The name of the first tensor with a value that is not finite for ``images``; None where
        all are."""
        found: list[str] = []

        def look(name, value):
            if not found and not np.isfinite(value.numpy()).all():
                found.append(name)
            return as_integers(name, value)

        as_integers = self._as_integers()
        self._simulation.outputs(images, look, self._on_integers, self._constants())
        return found[0] if found else None

    def _as_integers(self):
        def visit(name, value):
            affine = self._affine.get(name)
            if affine is None:
                return value
            zero_point = float(affine.zero_point[0])
            return fake_quantization.activation(value, self._step(name), zero_point)

        return visit

    def _step(self, name: str):
        """The step of an activation."""
        import tensorflow as tf

        step = tf.constant(self._affine[name].scale[0])
        group = self._group_of.get(name)
        return step if group is None else step * tf.exp(self.steps[group])

    def _on_integers(
        self, operator, kind: str, inputs: Sequence[str], outputs: Sequence[str], read: list
    ):
        """The output of an operator; a layer adds up integers, of which float32 rounds no sum."""
        quantized = self._affine.get(inputs[0]) is not None
        if kind == "QUANTIZE" and quantized:
            steps = self._step(inputs[0]), self._step(outputs[0])
            return fake_quantization.requantized(read[0], *steps)
        layer = self._layer_of.get(inputs[1]) if kind in LINEAR else None
        if layer is None or not quantized:
            return real(operator, kind, inputs, outputs, read)
        input_step = self._step(inputs[0])
        step = input_step * layer.step.reshape(-1)
        steps = [input_step, layer.step, step]
        integers = [fake_quantization.in_steps(v, s) for v, s in zip(read, steps, strict=False)]
        return OPERATORS[kind](integers, operator) * step

    def _constants(self) -> dict:
        made = {
            layer.weights: fake_quantization.weights(steps) * layer.step
            for layer, steps in zip(self._layers, self.weights, strict=True)
        }
        for layer, steps in zip(self._with_bias, self.biases, strict=True):
            change = made[layer.weights] - layer.stored
            moved = layer.per_output(change * self._means[layer.output])
            made[layer.bias] = steps * layer.output_step - moved
        return made

    def trained(self) -> Graph:
        """The int8 graph of what the variables hold."""
        editor = GraphEditor(self.graph)
        self._write_steps(editor)
        weights = {
            layer.output: fake_quantization.weights(steps).numpy()
            for layer, steps in zip(self._layers, self.weights, strict=True)
        }
        constants = self._constants()
        biases = {x.output: constants[x.bias].numpy().astype(np.float64) for x in self._with_bias}
        for operator in editor.operators:
            output = editor.name(int(operator.outputs[0]))
            if output not in weights:
                continue
            editor.write(operator, 1, weights[output])
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


def _start(graph: Graph, floats: Graph, found: list[Layer]) -> dict[str, np.ndarray]:
    """Weights to begin with, in steps: the float ones, but integers where those are rounded
    otherwise than to the nearest: a small change would undo what was done there on purpose."""
    originals = {outputs[0]: inputs[1] for kind, inputs, outputs in floats.operators()
                 if kind in LINEAR}  # fmt: skip
    made = {}
    for layer in found:
        integers = np.rint(layer.stored / layer.step)
        original = originals.get(layer.output)
        value = None if original is None else floats.constant(original)
        if value is not None and value.shape == integers.shape:
            apart = value / layer.step - integers
            integers += np.where(np.abs(apart) < 0.5, apart, 0)
        made[layer.weights] = integers
    return made


def _write_bias(editor: GraphEditor, operator, bias: np.ndarray) -> None:
    """Store real values as the int32 bias, in steps of the input times those of the weights."""
    tensor = editor.tensor(int(operator.inputs[2]))
    weight_steps = np.asarray(editor.tensor(int(operator.inputs[1])).quantization.scale, np.float32)
    tensor.quantization = copy.copy(tensor.quantization)
    tensor.quantization.scale = editor.affine(int(operator.inputs[0]))[0] * weight_steps
    editor.write_bias(operator, bias)
