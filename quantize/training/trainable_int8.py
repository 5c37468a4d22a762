"""An int8 graph whose weights, biases and steps of activations can be trained.

It computes in real numbers what integer kernels compute, so that what is trained is what is stored.
"""

import copy

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.simulation.simulation import Simulation, real_constant
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
    def _with_bias(self) -> list[Layer]:
        return [layer for layer in self._layers if layer.bias is not None]

    def outputs(self, images) -> list:
        """The outputs for ``images`` [n, h, w, c], float32."""
        return self._simulation.outputs(
            images, visit=self._as_integers(), constants=self._constants()
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
            self._simulation.outputs(np.float32(image)[None], visit=add)
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
