"""A frozen TensorFlow function as one layer of a Keras model, and what its graph tells of it."""

KERNEL_OPS = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Conv3D")
ARITHMETIC_OPS = ("Mul", "Add", "AddV2", "Sub", "RealDiv", "Div")
SHAPE_OPS = ("Shape", "ShapeN", "Size", "Rank")  # arithmetic on these touches no pixel
PASSING_OPS = ("Identity", "Reshape", "Squeeze", "StopGradient")
ACTIVATION_OPS = (
    "Softmax", "Sigmoid", "LogSoftmax", "Tanh", "Relu", "Relu6", "LeakyRelu", "Elu", "Softplus",
)  # fmt: skip


def frozen_layer(frozen):
    """A Keras layer that computes ``frozen``, a function of one image to [batch, classes].

    The layer tells ``has_preprocessing`` and ``output_activation``, and ``without_activation()``
    gives the same layer ended before its softmax or sigmoid. The class is defined in here so that
    importing this module imports no Keras.
    """
    import keras
    import tensorflow as tf

    class FrozenGraph(keras.layers.Layer):
        def __init__(self, function, classes):
            super().__init__(name="frozen_graph")
            self.function = function
            self.classes = classes
            self.has_preprocessing = _starts_with_arithmetic(function)
            self.output_activation, self.before = _ending(function)

        def call(self, image):
            outputs = self.function(image)
            output = outputs[0] if isinstance(outputs, list | tuple) else outputs
            return tf.reshape(output, (-1, self.classes))

        def compute_output_spec(self, image):
            return keras.KerasTensor((image.shape[0], self.classes), "float32")

        def without_activation(self):
            """The same graph, ended before its final activation."""
            pruned = self.function.prune(self.function.inputs, [self.before])
            return FrozenGraph(pruned, self.classes)

    return FrozenGraph(frozen, frozen.outputs[0].shape[1])


def _ending(function):
    """Name of the final activation (``linear`` for none) and the tensor that goes into it."""
    tensor = function.outputs[0]
    while tensor.op.type in PASSING_OPS:
        tensor = tensor.op.inputs[0]
    if tensor.op.type in ACTIVATION_OPS:
        return tensor.op.type.lower(), tensor.op.inputs[0]
    return "linear", tensor


def _starts_with_arithmetic(function) -> bool:
    """True where the image is scaled or shifted before the first convolution or matrix product."""
    ahead = [function.inputs[0]]
    while ahead:
        for consumer in ahead.pop(0).consumers():
            if consumer.type in ARITHMETIC_OPS:
                return True
            if consumer.type not in KERNEL_OPS + SHAPE_OPS:
                ahead += consumer.outputs
    return False
