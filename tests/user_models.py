"""Small classifiers as users make them, saved in the forms that users have."""

import numpy as np
import pytest

from models.command_line.errors import RequestError
from models.keras_files.user_model import load_user_model
from models.networks.input_scaling import RAW, SIGNED

CLASSES = 4


def keras_parts():
    import keras

    return keras, keras.layers


def randomize(model):
    """Non-trivial weights everywhere, batch norm statistics included."""
    rng = np.random.default_rng(3)
    for weight in model.weights:
        shape = weight.shape
        if len(shape) > 1:
            fan_in = np.prod(shape[:2] if "depthwise" in weight.path else shape[:-1])
            weight.assign(rng.normal(0, np.sqrt(2 / fan_in), shape))
        elif weight.name in ("gamma", "moving_variance", "variance"):
            weight.assign(rng.uniform(0.5, 1.5, shape))
        elif weight.dtype == "float32":
            weight.assign(rng.normal(0, 0.2, shape))
    return model


def small(shape=(32, 32, 3), *, ending="softmax", before=(), classes=CLASSES):
    """A small functional classifier: ``before``, two convolutions, pooling, a Dense layer."""
    keras, layers = keras_parts()
    image = keras.Input(shape)
    x = image
    for layer in before:
        x = layer(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return randomize(keras.Model(image, layers.Dense(classes, activation=ending)(x)))


def functional():
    return small()


def sequential():
    keras, layers = keras_parts()
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(CLASSES),
            layers.Activation("softmax"),
        ]
    )
    return randomize(model)


def nested_backbone(preprocess=None):
    keras, layers = keras_parts()
    backbone = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(96, 96, 3), alpha=0.35
    )
    image = keras.Input((96, 96, 3))
    x = preprocess(image) if preprocess else image
    x = layers.GlobalAveragePooling2D()(backbone(x, training=False))
    x = layers.Dropout(0.2)(x)
    return randomize(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)))


def nested_with_arithmetic():
    keras, _ = keras_parts()
    return nested_backbone(keras.applications.mobilenet_v2.preprocess_input)


def nested_with_own_rescaling():
    keras, layers = keras_parts()
    backbone = keras.applications.MobileNetV3Small(
        weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.75, pooling="avg"
    )
    model = keras.Sequential([keras.Input((64, 64, 3)), backbone, layers.Dense(CLASSES)])
    return randomize(model)


def augmented():
    _, layers = keras_parts()
    return small(before=[layers.RandomFlip(seed=1), layers.RandomRotation(0.2, seed=1)])


def nested_head():
    keras, layers = keras_parts()
    head = keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, activation="relu"), layers.Dense(2), layers.Softmax()]
    )
    image = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(image))
    return randomize(keras.Model(image, head(x)))


def reshaped_after_softmax():
    keras, layers = keras_parts()
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(3, 5)(image)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(3, 1, activation="softmax")(x)
    return randomize(keras.Model(image, layers.Reshape((3,))(x)))


def ends_in_an_operation():
    keras, _ = keras_parts()
    model = small(ending=None)
    return keras.Model(model.input, keras.ops.softmax(model.output))


def one_sigmoid():
    return small(ending="sigmoid", classes=1)


def logits_only():
    return small(ending=None, classes=11)


def grayscale():
    return small((28, 28, 1))


def not_square():
    return small((48, 80, 3))


def normalized():
    _, layers = keras_parts()
    return small(before=[layers.Normalization(mean=[1.0, 2, 3], variance=[4.0, 5, 6])])


def with_preprocess_input():
    keras, _ = keras_parts()
    return small(before=[keras.applications.mobilenet_v2.preprocess_input])


# builder -> height, width, channels, classes, output kind, what it is fed
KINDS = {
    functional: (32, 32, 3, CLASSES, "softmax", SIGNED),
    sequential: (32, 32, 3, CLASSES, "softmax", RAW),
    nested_backbone: (96, 96, 3, CLASSES, "softmax", SIGNED),
    nested_with_arithmetic: (96, 96, 3, CLASSES, "softmax", RAW),
    nested_with_own_rescaling: (64, 64, 3, CLASSES, "logits", RAW),
    augmented: (32, 32, 3, CLASSES, "softmax", SIGNED),
    nested_head: (32, 32, 3, 2, "softmax", SIGNED),
    reshaped_after_softmax: (32, 32, 3, 3, "softmax", SIGNED),
    ends_in_an_operation: (32, 32, 3, CLASSES, "softmax", SIGNED),
    one_sigmoid: (32, 32, 3, 1, "sigmoid", SIGNED),
    logits_only: (32, 32, 3, 11, "logits", SIGNED),
    grayscale: (28, 28, 1, CLASSES, "softmax", SIGNED),
    not_square: (48, 80, 3, CLASSES, "softmax", SIGNED),
    normalized: (32, 32, 3, CLASSES, "softmax", RAW),
}


def saved(model, form, folder):
    path = folder / ("exported" if form == "folder" else f"model{form}")
    if form == "folder":
        model.export(path, verbose=False)
    else:
        model.save(path)
    return path


def run(model, images):
    return np.asarray(model(images, training=False))


def random_images(found, count=3):
    rng = np.random.default_rng(4)
    shape = (count, found.height, found.width, found.channels)
    return rng.uniform(-1, 1, shape).astype(np.float32)


def refusal(path):
    """The one line that refuses the model at ``path``."""
    with pytest.raises(RequestError) as caught:
        load_user_model(path)
    line = str(caught.value)
    assert "\n" not in line, line
    assert line.startswith("MODEL "), line
    return line
