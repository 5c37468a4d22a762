"""Networks as people build them: the ONNX file of each gives what Keras gives."""

import numpy as np
import pytest
from onnx_and_tflite import kinds, onnx_outputs, written

from quantize.graph.graph import Graph

SIDE = 12


def flatten_after_pool(layers, x):
    x = layers.AveragePooling2D(2)(x)
    return layers.Dense(5)(layers.Flatten()(x))


def map_of_one_pixel(layers, x):
    x = layers.Conv2D(9, SIDE, bias_initializer="random_normal")(x)
    return layers.Dense(5, bias_initializer="random_normal")(layers.Flatten()(x))


def flatten_after_hard_swish(layers, x):
    x = layers.Activation("hard_silu")(layers.Conv2D(4, 3, 2)(x))
    return layers.Dense(5, bias_initializer="random_normal")(layers.Flatten()(x))


def dense_of_rank_3(layers, x):
    x = layers.Reshape((SIDE * SIDE, 6))(x)
    x = layers.Dense(7, "relu", bias_initializer="random_normal")(x)
    return layers.Dense(5)(layers.GlobalAveragePooling1D()(x))


def dense_over_the_map(layers, x):
    x = layers.Dense(7, "gelu", bias_initializer="random_normal")(x)
    return layers.Dense(5)(layers.GlobalAveragePooling2D()(x))


def resizing(layers, x):
    x = layers.Conv2D(4, 3)(layers.Resizing(17, 9)(x))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.UpSampling2D(3, interpolation="nearest")(x)
    return layers.Dense(5)(layers.GlobalMaxPooling2D()(x))


def layer_norm_and_attention(layers, x):
    x = layers.Reshape((36, 24))(layers.Conv2D(24, 2, 2)(x))
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(3, 8)(y, y)
    x = layers.Add()([x, y])
    return layers.Dense(5)(layers.LayerNormalization()(x)[:, 0])


def convnext_block(layers, x):
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.LayerNormalization(epsilon=1e-6)(y)
    y = layers.Dense(24, "gelu")(y)
    x = layers.Add()([x, layers.Dense(6)(y)])
    return layers.Dense(5)(layers.GlobalAveragePooling2D()(x))


def gate(layers, x):
    row = layers.GlobalAveragePooling2D()(x)
    row = layers.Dense(6, "hard_sigmoid")(layers.Dense(3, "relu")(row))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 6))(row)])
    return layers.Dense(5)(layers.Flatten()(layers.MaxPooling2D(3)(x)))


def transposed_and_cropped(layers, x):
    x = layers.Conv2DTranspose(4, 3, 2, "same", activation="leaky_relu")(x)
    x = layers.Cropping2D(((1, 2), (3, 0)))(layers.ZeroPadding2D(((1, 0), (0, 3)))(x))
    x = layers.SeparableConv2D(6, 3, 2)(x)
    return layers.Dense(5)(layers.Flatten()(x))


def pool_of_padded_negatives(layers, x):
    x = layers.Conv2D(4, 1, bias_initializer="ones")(x)
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(-1 - 0.1 * x))
    x = layers.MaxPooling2D(2)(layers.ZeroPadding2D(2)(x))
    return layers.Dense(5)(layers.Flatten()(x))


def normalizations(layers, x):
    x = layers.BatchNormalization(beta_initializer="random_normal")(x)
    x = layers.GroupNormalization(3)(layers.Conv2D(6, 3)(x))
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")(x)
    x = layers.UnitNormalization()(layers.Softmax()(x))
    return layers.Dense(5)(layers.Flatten()(x))


def permuted(layers, x):
    x = layers.Permute((2, 3, 1))(layers.Conv2D(6, (3, 2))(x))
    x = layers.Conv2D(4, 3)(x)
    return layers.Dense(5)(layers.Flatten()(x))


NETWORKS = [
    flatten_after_pool, map_of_one_pixel, flatten_after_hard_swish, dense_of_rank_3,
    dense_over_the_map, resizing, layer_norm_and_attention, convnext_block, gate,
    transposed_and_cropped, pool_of_padded_negatives, normalizations, permuted,
]  # fmt: skip


def keras_model(build):
    import keras

    keras.utils.set_random_seed(4)
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", bias_initializer="random_normal")(image)
    return keras.Model(image, build(keras.layers, x))


def converted(model):
    from models.keras_files import float_graph

    return Graph(float_graph.convert(model, SIDE, SIDE, 3)).named("image", "logits")


@pytest.mark.slow
@pytest.mark.parametrize("build", NETWORKS, ids=[build.__name__ for build in NETWORKS])
def test_the_onnx_file_gives_what_keras_gives(build):
    model = keras_model(build)
    images = np.random.default_rng(0).uniform(-1, 1, (3, SIDE, SIDE, 3)).astype(np.float32)
    expected = np.asarray(model(images, training=False))
    made = written(converted(model))
    found = np.concatenate([onnx_outputs(made, {"image": image[None]})[0] for image in images])
    assert np.ptp(expected) > 0.01
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max() + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    "build", [dense_over_the_map, convnext_block, gate], ids=lambda b: b.__name__
)
def test_blocks_of_networks_stay_channels_first(build):
    model = written(converted(keras_model(build)))
    assert kinds(model).count("Transpose") == (2 if build is gate else 1)
