"""A frozen TensorFlow function as one layer of a Keras model, and what its graph tells of it."""

PASSING_OPS = ("Identity", "Reshape", "Squeeze", "StopGradient")
ACTIVATION_OPS = (
    "Softmax", "Sigmoid", "LogSoftmax", "Tanh", "Relu", "Relu6", "LeakyRelu", "Elu", "Softplus",
)  # fmt: skip


def frozen_layer(frozen, single, names):
    """A Keras layer that computes ``frozen``, a function of images, and of one image ``single``.

    ``single`` is ``frozen`` itself, or the same without loops, which is what gets exported.
    Its output is one tensor, or of several a dictionary by ``names``. The layer tells
    ``output_activation``, and ``without_activation()`` gives the same layer ended before its
    softmax or sigmoid. The class is defined in here so that importing this module imports no Keras.
    """
    import keras
    import tensorflow as tf

    class FrozenGraph(keras.layers.Layer):
        def __init__(self, function, single, shapes):
            super().__init__(name="frozen_graph")
            self.function, self.single, self.shapes = function, single, shapes
            self.output_activation, _ = _ending(single)

        def call(self, image):
            function = self.single if image.shape[0] == 1 else self.function
            found = tf.nest.flatten(function(image))
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
                    for made, shape in zip(self.single.outputs, self.shapes, strict=True)
                ]
            )

        def _named(self, tensors):
            return tensors[0] if len(tensors) == 1 else dict(zip(names, tensors, strict=True))

        def without_activation(self):
            """The same graph, ended before its final activation."""
            ended = _before_activation(self.function)
            is_same = self.single is self.function
            single = ended if is_same else _before_activation(self.single)
            return FrozenGraph(ended, single, self.shapes)

    return FrozenGraph(frozen, single, [made.shape.as_list()[1:] for made in single.outputs])


def _before_activation(function):
    return function.prune(function.inputs, [_ending(function)[1]])


def _ending(function):
    """Name of the final activation of the first output (``linear`` for none), and what goes in."""
    tensor = function.outputs[0]
    while tensor.op.type in PASSING_OPS:
        tensor = tensor.op.inputs[0]
    if tensor.op.type in ACTIVATION_OPS:
        return tensor.op.type.lower(), tensor.op.inputs[0]
    return "linear", tensor
