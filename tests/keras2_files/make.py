"""Writes the files in this folder with the real Keras 2: each sort of model, in each form.

Run in an environment of its own, with Python 3.11 and `pip install tensorflow-cpu==2.15.*`:

    python tests/keras2_files/make.py

Beside the models, `expected.npz` has what Keras 2 said of the images that `images.py` draws.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parent))
from images import SHAPES, images

HERE = Path(__file__).parent
keras = tf.keras
layers = keras.layers
FORMS = (".h5", ".keras", "")  # the last is a SavedModel folder
SAVED_MODELS = {"functional", "augmented", "mixed_precision", "fixed_batch", "in_training"}


def backbone(size=32, alpha=0.1):
    """The first blocks of MobileNetV2, under their own names."""
    whole = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(size, size, 3), alpha=alpha
    )
    end = whole.get_layer("block_2_add").output
    return keras.Model(whole.input, end, name=whole.name)


def head(x, classes=4):
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, activation="softmax")(x)


def functional():
    image = keras.Input((32, 32, 3), name="photo")
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, padding="same")(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1)(x)
    x = layers.Add()([x, y])
    x = layers.Concatenate()([x, layers.AveragePooling2D(3, strides=1, padding="same")(x)])
    return keras.Model(image, head(x))


def sequential():
    return keras.Sequential(
        [
            layers.Conv2D(6, 3, activation="relu", input_shape=(32, 32, 3)),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(4),
            layers.Activation("softmax"),
        ]
    )


def teachable_machine():
    """As Google's Teachable Machine writes keras_model.h5: Sequentials in a Sequential."""
    features = keras.Sequential([backbone(), layers.GlobalAveragePooling2D()])
    classifier = keras.Sequential(
        [
            layers.Dense(10, activation="relu", input_shape=(8,)),
            layers.Dense(3, activation="softmax", use_bias=False),
        ]
    )
    return keras.Sequential([features, classifier])


def sequential_backbone():
    return keras.Sequential(
        [backbone(), layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax")]
    )


def transfer():
    """The transfer learning tutorial: augmentation, preprocess_input, a frozen backbone."""
    augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.2)])
    base = backbone()
    base.trainable = False
    image = keras.Input((32, 32, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(augment(image))
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    return keras.Model(image, layers.Dense(4)(layers.Dropout(0.2)(x)))


def partly_frozen():
    base = backbone()
    base.trainable = True
    for layer in base.layers[:9]:
        layer.trainable = False
    image = keras.Input((32, 32, 3))
    return keras.Model(image, head(base(layers.Rescaling(1 / 127.5, offset=-1)(image))))


def caffe():
    image = keras.Input((32, 32, 3))
    x = keras.applications.resnet50.preprocess_input(image)
    return keras.Model(image, head(layers.Conv2D(4, 3, activation="relu")(x)))


def torch_mode():
    image = keras.Input((32, 32, 3))
    x = keras.applications.densenet.preprocess_input(image)
    return keras.Model(image, head(layers.Conv2D(4, 3, activation="relu")(x)))


def operators():
    """Arithmetic in every form: the tensor first or second, by keyword, between two tensors."""
    image = keras.Input((32, 32, 3))
    x = tf.math.subtract(x=255.0 - image, y=100.0)
    x = tf.multiply(0.5, x) / 64.0 + [0.1, 0.2, 0.3]
    x = tf.cast(x, tf.float32)
    a = layers.Conv2D(4, 3, padding="same")(x)
    b = layers.Conv2D(4, 3, padding="same")(x)
    y = tf.nn.relu6(a) * tf.sigmoid(b) - tf.maximum(a, b)
    y = tf.concat([y, -a], axis=-1)
    y = tf.image.resize(y, (16, 16))
    y = tf.reduce_mean(y[:, 1:-1, ::2, :], axis=[1, 2])
    return keras.Model(image, tf.nn.softmax(layers.Dense(4)(y)))


def kernels():
    image = keras.Input((24, 24, 3))
    x = layers.SeparableConv2D(6, 3, strides=2, depth_multiplier=2, padding="same")(image)
    x = layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(5, 3, strides=2, output_padding=1, padding="valid")(x)
    x = layers.Conv2D(10, 3, groups=5, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, dilation_rate=2, depth_multiplier=2)(x)
    x = layers.Conv2D(6, 3, dilation_rate=2, padding="same")(x)
    return keras.Model(image, head(x))


def names():
    """Names that Keras 3 or TensorFlow do not take."""
    image = keras.Input((32, 32, 3), name="input/photo")
    x = layers.Conv2D(4, 3, name="block/conv")(image)
    x = layers.BatchNormalization(name="1st/bn")(x)
    x = layers.Conv2D(4, 3, name="block/conv_1")(x)
    inner_in = keras.Input((28, 28, 4), name="inner/in")
    inner = keras.Model(inner_in, layers.Conv2D(5, 3, name="a/b")(inner_in), name="inner/net")
    return keras.Model(image, head(inner(x)), name="net/whole")


def augmented():
    image = keras.Input((32, 32, 3))
    x = layers.RandomHeight(0.2)(layers.RandomFlip()(image))
    x = layers.RandomWidth(0.2)(layers.RandomZoom(0.2)(x))
    x = layers.Resizing(24, 24)(layers.RandomContrast(0.1)(layers.RandomTranslation(0.1, 0.1)(x)))
    x = layers.GaussianNoise(0.1)(layers.RandomBrightness(0.1)(x))
    return keras.Model(image, head(layers.Conv2D(4, 3)(x)))


def normalized():
    """Adapted and given statistics, also in a model within the model."""
    inner_in = keras.Input((32, 32, 3))
    adapted = layers.Normalization()
    adapted.adapt(images("normalized"))
    inner = keras.Model(inner_in, adapted(inner_in), name="normalizing")
    image = keras.Input((32, 32, 3))
    x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.5, 0.5, 1.0])(inner(image))
    return keras.Model(image, head(layers.Conv2D(4, 3)(x)))


def resized():
    image = keras.Input((None, None, 3))
    x = layers.Resizing(24, 20, interpolation="bilinear")(image)
    x = layers.CenterCrop(20, 20)(x)
    x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(x))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.ZeroPadding2D(((1, 0), (0, 1)))(x)
    return keras.Model(image, head(layers.Cropping2D(1)(x)))


def no_fixed_size():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(image)
    return keras.Model(image, head(x))


def mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(layers.Rescaling(1 / 255)(image))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    row = layers.Dense(4, activation="softmax", dtype="float32")(x)
    keras.mixed_precision.set_global_policy("float32")
    return keras.Model(image, row)


def keepdims():
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3)(image)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = layers.Conv2D(8, 1, activation="hard_sigmoid")(squeezed)
    x = layers.Multiply()([x, squeezed])
    return keras.Model(image, head(x))


def branches():
    """Layers of the same shape in branches, and a layer and a model that are used twice."""
    image = keras.Input((32, 32, 3))
    small = keras.Input((30, 30, 4))
    part = keras.Model(small, layers.Conv2D(4, 3, activation="relu")(small), name="part")
    stem = layers.Conv2D(4, 3, name="stem")
    a, b = stem(image), stem(image[:, :, ::-1])
    c = layers.Conv2D(4, 3, name="late")(image)
    d = layers.Conv2D(4, 3, name="early")(image)
    x = layers.Average()([part(a), part(b)])
    y = layers.Subtract()([part(c), layers.Conv2D(4, 3)(d)])
    return keras.Model(image, head(layers.Maximum()([x, y])))


def activations():
    image = keras.Input((32, 32, 3))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(6, 3)(image))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(6, 3)(x))
    x = layers.ThresholdedReLU(0.1)(layers.Conv2D(6, 3)(x))
    x = layers.ReLU(max_value=5.0, negative_slope=0.1, threshold=0.05)(layers.Conv2D(6, 3)(x))
    x = layers.ELU(0.7)(layers.Conv2D(6, 3, activation="swish")(x))
    x = layers.Conv2D(6, 3, activation=tf.nn.relu6)(x)
    x = layers.Activation("hard_sigmoid")(layers.Conv2D(6, 3, activation="gelu")(x))
    x = layers.Dense(4)(layers.GlobalMaxPooling2D()(x))
    return keras.Model(image, layers.Softmax()(x))


def attention():
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 4, strides=4)(image)
    x = layers.Reshape((16, 8))(x)
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = x + layers.MultiHeadAttention(2, 4)(y, y)
    y = layers.LayerNormalization(axis=[1, 2])(x)
    x = layers.Add()([x, layers.TimeDistributed(layers.Dense(8, activation="gelu"))(y)])
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


def recurrent():
    image = keras.Input((12, 8, 1))
    x = layers.Reshape((12, 8))(image)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    x = layers.GRU(6)(x)
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


def integers():
    image = keras.Input((32, 32, 3), dtype="uint8")
    return keras.Model(image, head(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(image))))


def fixed_batch():
    image = keras.Input(batch_shape=(4, 32, 32, 3))
    x = layers.Conv2D(4, 3, strides=2, activation="relu")(image)
    x = layers.Flatten()(layers.MaxPooling2D(3)(x))
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


def channels_first():
    image = keras.Input((3, 32, 32))
    first = {"data_format": "channels_first"}
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, **first)(image)
    x = layers.ReLU()(layers.BatchNormalization(axis=1)(x))
    y = layers.DepthwiseConv2D(3, padding="same", **first)(x)
    x = layers.Concatenate(axis=1)([x, y])
    x = layers.MaxPooling2D(2, **first)(layers.ZeroPadding2D(1, **first)(x))
    x = layers.Flatten(**first)(layers.Conv2D(4, 3, **first)(x))
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


def in_training():
    """A batch normalization that is called as in training: use has its moving statistics."""
    image = keras.Input((32, 32, 3))
    normalization = layers.BatchNormalization(name="norm")
    x = normalization(layers.Conv2D(4, 3, name="conv")(image), training=True)
    return keras.Model(image, head(x))


BUILDERS = (
    functional, sequential, teachable_machine, sequential_backbone, transfer, partly_frozen, caffe,
    torch_mode, operators, kernels, names, augmented, normalized, resized, no_fixed_size,
    mixed_precision, keepdims, branches, activations, attention, recurrent, integers, fixed_batch,
    channels_first, in_training,
)  # fmt: skip


def randomize(model):
    """Weights of about the size that training gives, batch norm statistics included."""
    rng = np.random.default_rng(5)
    for weight in model.weights:
        name, shape = weight.name.rpartition("/")[2].partition(":")[0], weight.shape
        if name in ("mean", "variance", "count"):  # a Normalization layer's own
            continue
        if name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, shape))
        elif len(shape) > 1 and weight.dtype.is_floating:
            fan_in = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
            weight.assign(rng.normal(0, np.sqrt(2 / fan_in), shape))
        elif weight.dtype.is_floating:
            weight.assign(rng.normal(0, 0.2, shape))


def answers(name, model):
    """float32 [n, classes] of Keras 2; channels first by what cuDNN or oneDNN compute."""
    found = images(name)
    if name == "channels_first":
        found = found.transpose(0, 3, 1, 2)
    if name == "integers":
        found = found.astype(np.uint8)
    if name == "in_training":
        return as_in_use(model, found)
    return np.asarray(model(found, training=False), np.float32)


def as_in_use(model, found):
    """The outputs of ``in_training`` with each layer called as in use."""
    x = found
    for layer in model.layers[1:]:
        x = layer(x, training=False) if layer.name == "norm" else layer(x)
    return np.asarray(x, np.float32)


def write_tf1(name, use_resource):
    """A graph with a session and variables, as TensorFlow 1 saved it, and what it answers."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        with v1.variable_scope("net", use_resource=use_resource):
            image = v1.placeholder(tf.float32, (None, 32, 32, 3), name="image")
            rng = np.random.default_rng(5)
            kernel = v1.get_variable(
                "kernel", initializer=rng.normal(0, 0.3, (3, 3, 3, 4)).astype("f")
            )
            matrix = v1.get_variable("matrix", initializer=rng.normal(0, 1, (4, 4)).astype("f"))
            x = tf.nn.relu(tf.nn.conv2d(image, kernel, 2, "SAME"))
            row = tf.nn.softmax(tf.matmul(tf.reduce_mean(x, (1, 2)), matrix), name="probabilities")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(HERE / name), {"image": image}, {"scores": row})
        return session.run(row, {image: images(name)})


def main():
    expected = {}
    for builder in BUILDERS:
        name = builder.__name__
        keras.backend.clear_session()
        model = builder()
        randomize(model)
        try:
            expected[name] = answers(name, model)
        except Exception as error:
            print(name, "has no answers:", str(error)[:100])
            continue
        assert np.ptp(expected[name]) > 1e-3, name
        for form in FORMS:
            path = HERE / f"{name}{form}"
            if form or name in SAVED_MODELS:
                shutil.rmtree(path, ignore_errors=True)
                try:
                    model.save(path, save_format=None if form else "tf")
                except Exception as error:
                    print(path.name, "is not written:", str(error)[:100])
    for name, use_resource in (("tf1", False), ("tf1_resource", True)):
        shutil.rmtree(HERE / name, ignore_errors=True)
        expected[name] = write_tf1(name, use_resource)
    np.savez(HERE / "expected.npz", **expected)
    assert set(expected) <= set(SHAPES), set(expected) - set(SHAPES)


if __name__ == "__main__":
    main()
