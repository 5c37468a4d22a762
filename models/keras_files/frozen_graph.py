"""A frozen TensorFlow function as one layer of a Keras model, and what its graph tells of it."""

PASSING_OPS = ("Identity", "Reshape", "Squeeze", "StopGradient")
ACTIVATION_OPS = (
    "Softmax", "Sigmoid", "LogSoftmax", "Tanh", "Relu", "Relu6", "LeakyRelu", "Elu", "Softplus",
)  # fmt: skip


def frozen_layer(frozen, names):
    """A Keras layer that computes ``frozen``, a function of one image.

    Its output is one tensor, or of several a dictionary by ``names``. The layer tells
    ``output_activation``, and ``without_activation()`` gives the same layer ended before its
    softmax or sigmoid. The class is defined in here so that importing this module imports no Keras.
    """
    import keras
    import tensorflow as tf

    class FrozenGraph(keras.layers.Layer):
        def __init__(self, function, shapes):
            super().__init__(name="frozen_graph")
            self.function, self.shapes = function, shapes
            self.output_activation, self.before = _ending(function)

        def call(self, image):
            found = tf.nest.flatten(self.function(image))
            return self._named(
                [
                    tf.reshape(tensor, (-1, *shape))
                    for tensor, shape in zip(found, self.shapes, strict=True)
                ]
            )

        def compute_output_spec(self, image):
            return self._named(
                [
                    keras.KerasTensor((image.shape[0], *shape), made.dtype.name)
                    for made, shape in zip(self.function.outputs, self.shapes, strict=True)
                ]
            )

        def _named(self, tensors):
            return tensors[0] if len(tensors) == 1 else dict(zip(names, tensors, strict=True))

        def without_activation(self):
            """The same graph, ended before its final activation."""
            pruned = self.function.prune(self.function.inputs, [self.before])
            return FrozenGraph(pruned, self.shapes)

    return FrozenGraph(frozen, [made.shape.as_list()[1:] for made in frozen.outputs])


def _ending(function):
    """Name of the final activation of the first output (``linear`` for none), and what goes in."""
    tensor = function.outputs[0]
    while tensor.op.type in PASSING_OPS:
        tensor = tensor.op.inputs[0]
    if tensor.op.type in ACTIVATION_OPS:
        return tensor.op.type.lower(), tensor.op.inputs[0]
    return "linear", tensor
