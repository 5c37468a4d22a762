"""Networks that are valid and unlike those that classify images as a rule, as users have them."""

import numpy as np
from user_models import CLASSES, keras_parts, randomize, small

SIDE = 32


def averaged_over_flips():
    """Test-time augmentation inside: the batch within is two."""
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    both = keras.ops.concatenate([image, keras.ops.flip(image, axis=2)], axis=0)
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(both)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(CLASSES, activation="softmax")(x)
    mean = keras.ops.mean(keras.ops.reshape(x, (2, -1, CLASSES)), axis=0)
    return randomize(keras.Model(image, mean))


def mean_over_the_batch():
    """A mean over all images of a batch: no classifier of single images."""
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x = keras.ops.mean(x, axis=(0, 1, 2))
    x = keras.ops.reshape(x, (-1, 8))
    return randomize(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)))


def recurrent(kind="LSTM"):
    """Rows of the image read one after another by a loop."""
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, strides=4, padding="same", activation="relu")(image)
    x = layers.Reshape((8, 32))(x)
    x = getattr(layers, kind)(6)(x)
    return randomize(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)))


def gated():
    return recurrent("GRU")


def attention():
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(8, 4, strides=4)(image)
    x = layers.Reshape((64, 8))(x)
    x = x + layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.LayerNormalization()(x)
    x = layers.GlobalAveragePooling1D()(x)
    return randomize(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)))


def unusual_operators():
    """Operators that integer kernels lack, between layers that have them."""
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(8, 3, strides=2)(image)
    x = keras.ops.sin(x) + keras.ops.log1p(keras.ops.abs(x))
    x = layers.Conv2D(8, 3, activation="selu")(x)
    x = keras.ops.where(x > 0.1, x, -x / 3)
    x = layers.Conv2D(8, 1, activation="softplus")(x)
    x = layers.GlobalMaxPooling2D()(x)
    return randomize(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)))


def very_large_weights():
    """A dense layer of 1e30, which a softmax takes: finite, one class at a time."""
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x = layers.GlobalAveragePooling2D()(x)
    model = randomize(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)))
    kernel = model.layers[-1].kernel
    kernel.assign(np.asarray(kernel) * 1e30)
    return model


def two_layers_without_a_product_of_steps():
    """Activations of 1e30 times weights of 1e-30."""
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="huge")(image)
    x = layers.GlobalAveragePooling2D()(x)
    classes = layers.Dense(CLASSES, activation="softmax", name="tiny")
    model = randomize(keras.Model(image, classes(x)))
    for name, factor in (("huge", 1e25), ("tiny", 1e-25)):
        kernel = model.get_layer(name).kernel
        kernel.assign(np.asarray(kernel) * factor)
    return model


def beyond_float16():
    """A weight of 1e5, which float16 does not hold, made up for by the next layer."""
    model = small()
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    dense = np.array(kernels[-1])
    dense[0, 0] = 1e5
    kernels[-1].assign(dense)
    return model


def with_broken(value, layer=-1):
    """A classifier with one such weight."""
    model = small()
    kernel = model.layers[layer].kernel
    broken = np.array(kernel)
    broken.flat[3] = value
    kernel.assign(broken)
    return model


def negative_variance():
    model = small()
    layer = next(one for one in model.layers if hasattr(one, "moving_variance"))
    layer.moving_variance.assign(-np.ones(layer.moving_variance.shape))
    return model


def ill_conditioned():
    """A small difference of large sums: float32's rounding is far above 1e-4 of the outputs."""
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(16, 3, activation="relu")(image)
    x = layers.Flatten()(x)
    same = layers.Dense(1, name="sum")
    x = layers.Concatenate()([same(x), layers.Dense(1, name="nearly")(x)])
    model = keras.Model(image, layers.Dense(CLASSES, name="difference")(x))
    randomize(model)
    summed, nearly, difference = (model.get_layer(n) for n in ("sum", "nearly", "difference"))
    draw = np.random.default_rng(2)
    positive = np.abs(np.asarray(summed.kernel))
    summed.kernel.assign(positive)
    nearly.kernel.assign(positive * (1 + 1e-4 * draw.normal(size=positive.shape)))
    difference.kernel.assign(np.outer([1.0, -1.0], draw.normal(size=CLASSES)))
    difference.bias.assign(np.zeros(CLASSES))
    return model


def large_flattened():
    """56 x 56 x 20 = 62,720 values into a dense layer."""
    keras, layers = keras_parts()
    image = keras.Input((112, 112, 3))
    x = layers.Conv2D(20, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Dense(8, activation="relu")(layers.Flatten()(x))
    return randomize(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)))
