"""Batch norms that train with TensorFlow's fused kernel.

Keras 3 computes a batch norm from single operations, which takes more than half of a training step
on a CPU. Weights, names and outputs of the network stay what they are.
"""

from functools import cache


@cache
def _fused_class():
    import keras
    import tensorflow as tf

    class FusedBatchNormalization(keras.layers.BatchNormalization):
        """Batch normalization of NHWC maps (Ioffe and Szegedy 2015, arXiv 1502.03167)."""

        def call(self, x, training=None, mask=None):
            if not training:
                return super().call(x, training=False)
            y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                x, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
            )
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1 - self.momentum))
            return y

    return FusedBatchNormalization


def custom_objects() -> dict:
    """The custom objects that Keras needs to load a saved network that was fused."""
    return {"FusedBatchNormalization": _fused_class()}


def fuse(model):
    """A copy of a Keras model, weights included, with its batch norms fused."""
    import keras

    def fused(layer):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        kind = _fused_class() if norm else type(layer)
        return kind.from_config(layer.get_config())

    copied = keras.models.clone_model(model, clone_function=fused)
    copied.set_weights(model.get_weights())
    return copied
