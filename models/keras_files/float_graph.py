"""From a Keras model to the float graph: the one slow step, done once for each model."""

import numpy as np

from models.command_line import quiet_logs
from models.command_line.errors import RequestError
from models.keras_files import conversion_errors, rewritten_operations, traced
from models.keras_files.traced import TracedModel


def convert(keras_model, height: int, width: int, channels: int) -> bytes:
    """A float32 .tflite of batch 1 with batch norms folded and activations fused.

    RequestError, in one line that names the operation and its layer, for a network that
    TensorFlow's converter cannot turn into TFLite's own operators.
    """
    with conversion_errors.as_one_line():
        model = traced.take(keras_model, height, width, channels)
        rewritten_operations.rewrite(model)
    try:
        return _converted(model)
    except RequestError:
        again = rewritten_operations.AFTER_A_FAILURE
        if not rewritten_operations.rewrite(model, again):
            raise
        return _converted(model)


def _converted(model: TracedModel) -> bytes:
    """By the part of TensorFlow's converter that reads a graph without variables: what it does
    before makes the graph again, and what it does after writes down where the file is from."""
    from tensorflow.lite.python.lite import TFLiteConverterBaseV2, TFLiteFrozenGraphConverterV2

    function, graph = model.function, _FilledAtLast(model)
    converter = TFLiteFrozenGraphConverterV2([function], None)
    with conversion_errors.as_one_line(model.definition), quiet_logs.native_aside():
        return TFLiteConverterBaseV2.convert(converter, graph, function.inputs, function.outputs)


class _FilledAtLast:
    """A GraphDef as the converter reads it, which has its weights as soon and as long as they are
    needed: while it is made one string."""

    def __init__(self, model: TracedModel) -> None:
        self._model = model
        self.node, self.library = model.definition.node, model.definition.library

    def SerializeToString(self) -> bytes:
        return self._model.filled().SerializeToString()


def convert_int8(keras_model, height: int, width: int, channels: int, images: np.ndarray) -> bytes:
    """The int8 file that TensorFlow's own converter makes, to compare with.

    ``images``: preprocessed float32 [n, h, w, c] to calibrate on.
    """
    import tensorflow as tf

    model = traced.take(keras_model, height, width, channels)
    function = traced.imported(model.filled(), model.inputs, model.outputs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()
