"""A Keras model as one frozen TensorFlow function of one image.

The converter reads it, and so do the rules that tell what the model makes of its pixels and what
its outputs are: they see the same graph whatever form of file the model was in.
"""

import contextlib
import weakref

_KEPT = weakref.WeakKeyDictionary()  # model: (size, function), until the converter takes it


def frozen_function(keras_model, height: int, width: int, channels: int):
    """``keras_model`` for one float32 image [1, height, width, channels], its variables constants.

    It returns the outputs in the order of ``keras_model.outputs``. Tracing takes seconds, so the
    function is kept until ``take`` hands it over.
    """
    size = (height, width, channels)
    found = _KEPT.get(keras_model)
    if found is None or found[0] != size:
        found = size, _traced(keras_model, size)
        _KEPT[keras_model] = found
    return found[1]


def take(keras_model, height: int, width: int, channels: int):
    """The same, which is then no longer kept: its constants are as large as the model."""
    found = frozen_function(keras_model, height, width, channels)
    _KEPT.pop(keras_model, None)
    return found


def _traced(keras_model, size: tuple[int, int, int]):
    """Variables are frozen into constants: the converter cannot read those of a Keras 3 model from
    a traced function, and going through a SavedModel takes four times as long.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    signature = tf.TensorSpec((1, *size), tf.float32, name="image")

    @tf.function(input_signature=[signature], autograph=False)
    def infer(image):
        return tuple(keras.tree.flatten(keras_model(image, training=False)))

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
