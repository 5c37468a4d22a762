"""A graph as a function of TensorFlow, each of whose tensors can be watched or replaced."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from quantize.graph.graph import Graph
from quantize.simulation.operators import FUSED, OPERATORS, RESHAPING

Visit = Callable[[str, object], object]  # of a tensor's name and value: the value in its place
# Of an operator, its kind, the names of what it reads and of what it makes, and the values read:
# what it makes.
Compute = Callable[[object, str, Sequence[str], Sequence[str], list], object]


def unknown_kinds(graph: Graph) -> list[str]:
    """The kinds of operator of ``graph`` that have no gradient here, in the order of their names; a
    tensor whose first size is not the batch makes its operator one of them."""
    found = {
        kind
        for kind, activation, _, outputs in graph.fused_operators()
        if not (kind in OPERATORS or kind in RESHAPING)
        or not (activation == "NONE" or activation in FUSED)
        or any(list(graph.tensor(name).shape)[:1] != [1] for name in outputs)
    }
    return sorted(found) if len(graph.model.subgraphs) == 1 else sorted({*found, "WHILE"})


def as_it_is(name: str, value):
    """``value``."""
    return value


def real(operator, kind: str, inputs: Sequence[str], outputs: Sequence[str], read: list):
    """The output of ``operator`` for real numbers, before its activation."""
    return OPERATORS[kind](read, operator)


class Simulation:
    """``graph`` computed by TensorFlow in real numbers, for images of any number at once.

    The constants of an int8 graph are what its integers stand for; what int8 does to its
    activations is left to ``visit``. ValueError where it has operators of other kinds
    (``unknown_kinds``).
    """

    def __init__(self, graph: Graph) -> None:
        if unknown := unknown_kinds(graph):
            raise ValueError(f"no gradient of {', '.join(unknown)} is known")
        self.graph = graph
        names = {tensor for _, inputs, _ in graph.operators() for tensor in inputs}
        self._constants = {n: real_constant(graph, n) for n in names if graph.is_constant(n)}
        self._steps = [
            (operator, *step)
            for operator, step in zip(
                graph.subgraph.operators, graph.fused_operators(), strict=True
            )
        ]

    def outputs(
        self,
        images,
        visit: Visit = as_it_is,
        compute: Compute = real,
        constants: Mapping[str, object] | None = None,
    ) -> list:
        """The outputs for ``images`` [n, h, w, c].

        ``visit`` is given the name and the value of each tensor as it is made, the input first, and
        gives the value that is read; ``compute`` makes it of what an operator reads, but for a
        reshaping and a fused activation. ``constants``: those that are read in the place of the
        graph's own, by name.
        """
        import tensorflow as tf

        values = {**self._constants, **(constants or {})}
        values[self.graph.inputs[0]] = visit(self.graph.inputs[0], images)
        for operator, kind, activation, inputs, outputs in self._steps:
            name = outputs[0]
            read = [values[n] for n in inputs]
            if kind in RESHAPING:
                shape = [int(size) for size in self.graph.tensor(name).shape]
                made = tf.reshape(read[0], [-1, *shape[1:]])
            else:
                made = compute(operator, kind, inputs, outputs, read)
            if activation != "NONE":
                made = FUSED[activation]([made], operator)
            values[name] = visit(name, made)
        return [values[name] for name in self.graph.outputs]

    def predict(self, images: np.ndarray, batch: int = 16) -> np.ndarray:
        """The outputs float32 [n, k] for preprocessed images, of several one after the other."""
        import tensorflow as tf

        run = tf.function(self.outputs)
        rows = []
        for start in range(0, len(images), batch):
            found = run(tf.constant(images[start : start + batch]))
            rows.append(np.concatenate([_flat(value) for value in found], axis=1))
        return np.concatenate(rows)


def real_constant(graph: Graph, name: str) -> np.ndarray:
    """The value of a constant: of an integer one with an affine map, the numbers it stands for."""
    value, affine = graph.constant(name), graph.quantization(name)
    if affine is None or not np.issubdtype(value.dtype, np.integer):
        return value
    shape = [1] * value.ndim
    if len(affine.scale) > 1:
        shape[affine.axis] = -1
    zero_point = affine.zero_point.reshape(shape).astype(np.float32)
    return (value.astype(np.float32) - zero_point) * affine.scale.reshape(shape)


def _flat(value) -> np.ndarray:
    return value.numpy().reshape(len(value), -1)
