"""A Keras model as one TensorFlow graph of one image, its weights constants.

The converter reads it, and so do the rules that tell what the model makes of its pixels and what
its outputs are: they see the same graph whatever form of file the model was in.
"""

import contextlib
import weakref
from dataclasses import dataclass

from models.keras_files import weight_constants

_KEPT = weakref.WeakKeyDictionary()  # model: (size, traced), until the converter takes it


@dataclass(frozen=True, eq=False)
class TracedModel:
    """``definition`` is a GraphDef whose ``inputs`` and ``outputs`` are named tensors.

    ``weights``: by the name of a constant in it, the variable that it is to be filled in from.
    ``function`` is the same graph as a function of one image, for looking at and for running parts
    of it: in it large weights are zeros.
    """

    definition: object
    weights: dict[str, object]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    function: object

    def filled(self):
        """A GraphDef with the values of all weights, which is as large as the model."""
        return weight_constants.filled(self.definition, self.weights)


def traced_model(keras_model, height: int, width: int, channels: int) -> TracedModel:
    """``keras_model`` for one float32 image [1, height, width, channels].

    Its outputs are in the order of ``keras_model.outputs``. Tracing takes seconds, so what it gives
    is kept until ``take`` hands it over.
    """
    size = (height, width, channels)
    found = _KEPT.get(keras_model)
    if found is None or found[0] != size:
        found = size, _traced(keras_model, size)
        _KEPT[keras_model] = found
    return found[1]


def take(keras_model, height: int, width: int, channels: int) -> TracedModel:
    """The same, which is then no longer kept."""
    found = traced_model(keras_model, height, width, channels)
    _KEPT.pop(keras_model, None)
    return found


def _traced(keras_model, size: tuple[int, int, int]) -> TracedModel:
    import keras
    import tensorflow as tf

    signature = tf.TensorSpec((1, *size), tf.float32, name="image")

    @tf.function(input_signature=[signature], autograph=False)
    def infer(image):
        return tuple(keras.tree.flatten(keras_model(image, training=False)))

    with _inlined_functions():
        concrete = infer.get_concrete_function()
    definition, weights = weight_constants.without_variables(concrete)
    inputs, outputs = (
        tuple(tensor.name for tensor in ends) for ends in (concrete.inputs[:1], concrete.outputs)
    )
    looked_at = weight_constants.with_stand_ins(definition, weights)
    return TracedModel(definition, weights, inputs, outputs, imported(looked_at, inputs, outputs))


def imported(definition, inputs, outputs):
    """A concrete function of a graph without variables, from the tensors ``inputs`` to ``outputs``,
    both by name."""
    import tensorflow as tf

    def load():
        tf.graph_util.import_graph_def(definition, name="")

    whole = tf.compat.v1.wrap_function(load, [])
    graph = whole.graph
    return whole.prune(
        [graph.as_graph_element(name) for name in inputs],
        [graph.as_graph_element(name) for name in outputs],
    )


@contextlib.contextmanager
def _inlined_functions():
    """Functions inside of one that is traced become part of it, as Python calls do.

    Keras wraps each grouped convolution in a compiled function of its own, and the converter then
    names its kernel without the layer's scope.
    """
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
