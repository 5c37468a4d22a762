"""From a Keras model to the float graph: the one slow step, done once for each model."""

import contextlib

import numpy as np

from models.command_line import quiet_logs
from models.keras_files import conversion_errors


def convert(keras_model, height: int, width: int, channels: int) -> bytes:
    """A float32 .tflite of batch 1 with batch norms folded and activations fused.

    RequestError, in one line that names the operation and its layer, for a network that
    TensorFlow's converter cannot turn into TFLite's own operators.
    """
    with conversion_errors.as_one_line():
        frozen = _frozen(keras_model, height, width, channels)
    with conversion_errors.as_one_line(frozen.graph), quiet_logs.native_aside():
        return _converter(frozen).convert()


def convert_int8(keras_model, height: int, width: int, channels: int, images: np.ndarray) -> bytes:
    """The int8 file that TensorFlow's own converter makes, to compare with.

    ``images``: preprocessed float32 [n, h, w, c] to calibrate on.
    """
    import tensorflow as tf

    converter = _converter(_frozen(keras_model, height, width, channels))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _converter(frozen):
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def _frozen(keras_model, height: int, width: int, channels: int):
    """Variables are frozen into constants first: the converter cannot read those of a Keras 3 model
    from a traced function, and going through a SavedModel takes four times as long.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    signature = tf.TensorSpec((1, height, width, channels), tf.float32, name="image")

    @tf.function(input_signature=[signature], autograph=False)
    def infer(image):
        return keras_model(image, training=False)

    with _inlined_functions():
        traced = infer.get_concrete_function()
    return convert_variables_to_constants_v2(traced)


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
