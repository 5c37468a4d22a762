"""The layers of an int8 graph whose weights can be trained."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.simulation.simulation import real_constant


@dataclass(frozen=True)
class Layer:
    """One layer: names of its input, output, weights and bias (None without one).

    ``stored``: the weights as they are, real values; ``step``: theirs, in a shape that spreads over
    them; ``output_step``: that of the output.
    """

    kind: str
    input: str
    output: str
    weights: str
    bias: str | None
    stored: np.ndarray
    step: np.ndarray
    output_step: float

    def spread(self, mean: np.ndarray) -> np.ndarray:
        """A ``mean`` input [..., channels] in a shape that spreads over the weights."""
        shape = self.stored.shape
        if self.kind == "FULLY_CONNECTED":
            return np.float32(mean.reshape(-1, shape[1]).mean(axis=0))[None]
        channels = mean.reshape(-1, mean.shape[-1]).mean(axis=0)
        if self.kind == "DEPTHWISE_CONV_2D":
            return np.float32(np.repeat(channels, shape[-1] // len(channels)))[None, None, None]
        groups = channels.reshape(-1, shape[-1])
        return np.float32(np.repeat(groups, shape[0] // len(groups), axis=0))[:, None, None]

    def per_output(self, values):
        """The sums of ``values``, of the shape of the weights, for each output channel."""
        import tensorflow as tf

        of_depth = self.kind == "DEPTHWISE_CONV_2D"
        return tf.reduce_sum(values, range(3) if of_depth else range(1, len(self.stored.shape)))


def layers(graph: Graph) -> list[Layer]:
    """The layers of ``graph`` with int8 weights of their own, which no other layer reads."""
    readers = Counter(name for _, inputs, _ in graph.operators() for name in set(inputs))
    found = []
    for kind, inputs, outputs in graph.operators():
        affine = graph.quantization(outputs[0])
        if kind not in LINEAR or affine is None or any(readers[name] > 1 for name in inputs[1:]):
            continue
        if not graph.is_constant(inputs[1]) or graph.dtype(inputs[1]) != np.int8:
            continue
        step, stored = graph.quantization(inputs[1]), real_constant(graph, inputs[1])
        shape = [1] * stored.ndim
        if len(step.scale) > 1:
            shape[step.axis] = -1
        found.append(
            Layer(
                kind=kind,
                input=inputs[0],
                output=outputs[0],
                weights=inputs[1],
                bias=inputs[2] if len(inputs) > 2 and _is_bias(graph, inputs[2]) else None,
                stored=stored,
                step=step.scale.reshape(shape),
                output_step=float(affine.scale[0]),
            )
        )
    return found


def inputs_of_others(graph: Graph, trained: list[Layer]) -> set[str]:
    """The inputs of other operators with a bias in steps of them: those steps have to stay."""
    own = {layer.output for layer in trained}
    others = [inputs for _, inputs, outputs in graph.operators() if outputs[0] not in own]
    return {name for inputs in others if any(_is_bias(graph, n) for n in inputs) for name in inputs}


def _is_bias(graph: Graph, name: str) -> bool:
    return graph.dtype(name) == np.int32 and graph.quantization(name) is not None
