"""From a Keras model to the float graph: the one slow step, done once for each model."""


def convert(keras_model, height: int, width: int, channels: int) -> bytes:
    """A float32 .tflite of batch 1 with batch norms folded and activations fused.

    Variables are frozen into constants first: the converter cannot read those of a Keras 3 model
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

    frozen = convert_variables_to_constants_v2(infer.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    return converter.convert()
