"""From a Keras model to the float graph: the one slow step, done once for each model."""

import numpy as np

from models.command_line import quiet_logs
from models.command_line.errors import RequestError
from models.keras_files import conversion_errors, rewritten_operations, traced


def convert(keras_model, height: int, width: int, channels: int) -> bytes:
    """A float32 .tflite of batch 1 with batch norms folded and activations fused.

    RequestError, in one line that names the operation and its layer, for a network that
    TensorFlow's converter cannot turn into TFLite's own operators.
    """
    with conversion_errors.as_one_line():
        frozen = rewritten_operations.replaced(traced.take(keras_model, height, width, channels))
    try:
        return _converted(frozen)
    except RequestError:
        rewritten = rewritten_operations.replaced(frozen, rewritten_operations.AFTER_A_FAILURE)
        if rewritten is frozen:
            raise
        return _converted(rewritten)


def _converted(frozen) -> bytes:
    with conversion_errors.as_one_line(frozen.graph), quiet_logs.native_aside():
        return _converter(frozen).convert()


def convert_int8(keras_model, height: int, width: int, channels: int, images: np.ndarray) -> bytes:
    """The int8 file that TensorFlow's own converter makes, to compare with.

    ``images``: preprocessed float32 [n, h, w, c] to calibrate on.
    """
    import tensorflow as tf

    converter = _converter(traced.take(keras_model, height, width, channels))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _converter(frozen):
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])
