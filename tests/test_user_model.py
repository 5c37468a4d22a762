"""A user's own classifier in any usual form loads and keeps its numbers; others are refused."""

import copy
import json
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from models.errors import RequestError
from models.user_model import load_user_model, without_final_activation

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


# builder -> height, width, channels, classes, output kind, built-in preprocessing
KINDS = {
    functional: (32, 32, 3, CLASSES, "softmax", False),
    sequential: (32, 32, 3, CLASSES, "softmax", True),
    nested_backbone: (96, 96, 3, CLASSES, "softmax", False),
    nested_with_arithmetic: (96, 96, 3, CLASSES, "softmax", True),
    nested_with_own_rescaling: (64, 64, 3, CLASSES, "logits", True),
    augmented: (32, 32, 3, CLASSES, "softmax", False),
    nested_head: (32, 32, 3, 2, "softmax", False),
    reshaped_after_softmax: (32, 32, 3, 3, "softmax", False),
    ends_in_an_operation: (32, 32, 3, CLASSES, "softmax", False),
    one_sigmoid: (32, 32, 3, 1, "sigmoid", False),
    logits_only: (32, 32, 3, 11, "logits", False),
    grayscale: (28, 28, 1, CLASSES, "softmax", False),
    not_square: (48, 80, 3, CLASSES, "softmax", False),
    normalized: (32, 32, 3, CLASSES, "softmax", True),
}
QUICK = {(sequential, ".keras"), (one_sigmoid, ".h5"), (one_sigmoid, "folder")}
FORMS = (".keras", ".h5", "folder")


def every_kind():
    return [
        pytest.param(
            builder, form, id=f"{builder.__name__}-{form}",
            marks=() if (builder, form) in QUICK else pytest.mark.slow,
        )
        for builder in KINDS
        for form in FORMS
        if (builder, form) != (augmented, "folder")
    ]  # fmt: skip


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


def run_tflite(content, images):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    outputs = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(outputs)


def assert_converts(found, model, images, expected):
    from models.float_graph import convert

    content = convert(model, found.height, found.width, found.channels)
    np.testing.assert_allclose(run_tflite(content, images), expected, atol=1e-4)


@pytest.fixture(autouse=True)
def fresh_keras():
    yield
    import keras

    keras.utils.clear_session()


@pytest.mark.parametrize(("builder", "form"), every_kind())
def test_every_kind_of_classifier_loads_and_converts_to_the_same_numbers(builder, form, tmp_path):
    original = builder()
    found = load_user_model(saved(original, form, tmp_path))

    shape = (found.height, found.width, found.channels, found.classes)
    assert (*shape, found.output_kind, found.has_preprocessing) == KINDS[builder]
    images = random_images(found)
    expected = run(original, images)
    assert np.ptp(expected) > 1e-4, "outputs all alike would prove nothing"
    np.testing.assert_allclose(run(found.keras_model, images), expected, atol=1e-4)
    assert_converts(found, found.keras_model, images, expected)

    logits = run(without_final_activation(found.keras_model), images)
    if found.output_kind == "softmax":
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        restored = exponents / exponents.sum(axis=1, keepdims=True)
    else:
        restored = 1 / (1 + np.exp(-logits)) if found.output_kind == "sigmoid" else logits
    np.testing.assert_allclose(restored, expected, atol=1e-4)
    assert_converts(found, without_final_activation(found.keras_model), images, logits)


@pytest.mark.parametrize("builder", [reshaped_after_softmax, nested_head, ends_in_an_operation])
def test_logits_are_found_behind_reshapes_nested_heads_and_operations(builder):
    model = builder()
    images = np.random.default_rng(5).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    before = run(model, images)
    stripped = without_final_activation(model)
    logits = run(stripped, images)
    exponents = np.exp(logits)
    np.testing.assert_allclose(exponents / exponents.sum(1, keepdims=True), before, atol=1e-6)
    assert (logits < 0).any()
    np.testing.assert_array_equal(run(model, images), before)


def test_a_model_that_gives_logits_is_left_as_it_is():
    model = logits_only()
    assert without_final_activation(model) is model


def keras2_config(config):
    """``config`` as Keras 2.15 writes it: no modules, list nodes, ``groups``, axis as a list."""
    made = copy.deepcopy(config)
    for layer in made["config"]["layers"]:
        settings = layer["config"]
        for key in ("dtype", "autocast", "optional", "ragged"):
            settings.pop(key, None)
        settings["dtype"] = "float32"
        if layer["class_name"] == "InputLayer":
            settings["batch_input_shape"] = settings.pop("batch_shape")
            settings["sparse"] = settings["ragged"] = False
        if layer["class_name"] == "DepthwiseConv2D":
            settings["groups"] = 1
        if layer["class_name"] == "BatchNormalization":
            settings["axis"] = [3]
            for key in ("renorm", "synchronized"):
                settings.pop(key, None)
        for key, value in settings.items():
            if isinstance(value, dict) and "class_name" in value:
                settings[key] = {"class_name": value["class_name"], "config": value["config"]}
        operation = {"TrueDivide": "math.truediv", "Subtract": "math.subtract"}
        nodes = []
        for node in layer["inbound_nodes"]:
            source = node["args"][0]["config"]["keras_history"]
            if layer["class_name"] in operation:
                nodes.append([*source, {"y": node["args"][1], "name": None}])
            else:
                nodes.append([[*source, {}]])
        layer["inbound_nodes"] = nodes
        if layer["class_name"] in operation:
            settings["function"] = operation[layer["class_name"]]
            layer["class_name"] = "TFOpLambda"
    return made


def with_preprocess_input():
    keras, _ = keras_parts()
    return small(before=[keras.applications.mobilenet_v2.preprocess_input])


@pytest.mark.parametrize("builder", [functional, with_preprocess_input])
def test_a_keras_2_h5_file_loads_with_the_same_numbers(builder, tmp_path):
    original = builder()
    path = tmp_path / "keras2.h5"
    original.save(path)
    with h5py.File(path, "r+") as file:
        config = keras2_config(json.loads(file.attrs["model_config"]))
        text = json.dumps(config)
        assert '"groups": 1' in text
        assert '"batch_input_shape"' in text
        file.attrs["model_config"] = text.encode()
        file.attrs["keras_version"] = b"2.15.0"
        file["model_weights"].attrs["keras_version"] = b"2.15.0"
    content = path.read_bytes()
    found = load_user_model(path)
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(original, images), atol=1e-6)
    assert found.has_preprocessing == (builder is with_preprocess_input)
    assert path.read_bytes() == content, "the user's file is never touched"


def test_a_keras_archive_of_tensorflow_2_loads(tmp_path):
    original = functional()
    path = saved(original, ".keras", tmp_path)
    edit_archive(path, lambda config: config.update(module="keras.src.engine.functional"))
    found = load_user_model(path)
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(original, images), atol=1e-6)


def edit_archive(path, edit):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    edit(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def refusal(path):
    with pytest.raises(RequestError) as caught:
        load_user_model(path)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("MODEL ")
    return line


def models_refused():
    """(what the line must say, model) for every shape of model that is no image classifier."""
    keras, layers = keras_parts()
    image = keras.Input((32, 32, 3), name="photo")
    features = layers.Conv2D(4, 3)(image)
    pooled = layers.GlobalAveragePooling2D()(features)
    row = layers.Dense(3)(pooled)
    depth = keras.Input((32, 32, 1), name="depth")
    joined = layers.Concatenate()([image, depth])
    joined_row = layers.Dense(3)(layers.GlobalAveragePooling2D()(joined))

    def of_input(*shape, **kwargs):
        given = keras.Input(shape or None, **kwargs)
        pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(given))
        return keras.Model(given, layers.Dense(3)(pooled))

    vector = keras.Input((10,))
    bytes_in = keras.Input((32, 32, 3), dtype="uint8")
    cast = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(layers.Rescaling(1 / 255)(bytes_in)))
    half = layers.Dense(3, dtype="mixed_float16", name="half")(pooled)
    full = layers.Activation("softmax", dtype="float32")(half)
    return [
        ("has 2 inputs (photo, depth)", keras.Model([image, depth], joined_row)),
        ("has 2 outputs", keras.Model(image, [row, pooled])),
        ("no fixed size, (None, None, None, 3)", of_input(None, None, 3)),
        ("an input of shape (None, 10)", keras.Model(vector, layers.Dense(3)(vector))),
        ("expected 1 or 3 channels", of_input(32, 32, 4)),
        ("an input of fixed batch 8", of_input(batch_shape=(8, 32, 32, 3))),
        ("an input of type uint8", keras.Model(bytes_in, layers.Dense(3)(cast))),
        ("an output of shape (None, 30, 30, 4)", keras.Model(image, features)),
        ("layer half in float16", keras.Model(image, full)),
        ("ends in the activation tanh", keras.Model(image, layers.Activation("tanh")(row))),
    ]


def test_models_that_are_no_image_classifier_are_refused_naming_what_was_found(tmp_path):
    for said, model in models_refused():
        assert said in refusal(saved(model, ".keras", tmp_path))


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_lambda_layer_is_refused_by_name_and_never_run(form, tmp_path):
    _, layers = keras_parts()
    model = small(before=[layers.Lambda(lambda x: x * 2, name="double", output_shape=(32, 32, 3))])
    line = refusal(saved(model, form, tmp_path))
    assert "a Lambda layer 'double'" in line
    assert "MODEL=folder" in line


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_custom_layer_is_refused_by_name(form, tmp_path):
    _, layers = keras_parts()

    class Doubling(layers.Layer):
        def call(self, x):
            return x * 2

    line = refusal(saved(small(before=[Doubling(name="mine")]), form, tmp_path))
    assert "Doubling 'mine'" in line


def test_a_model_class_of_the_users_own_is_refused_by_name(tmp_path):
    keras, layers = keras_parts()

    class Mine(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(keras.ops.mean(x, (1, 2)))

    model = Mine(name="net")
    model(np.zeros((1, 8, 8, 3), np.float32))
    assert "Mine" in refusal(saved(model, ".keras", tmp_path))


def test_a_lambda_as_activation_is_refused_by_name(tmp_path):
    model = small(ending=lambda x: x * 2)
    assert "Python code" in refusal(saved(model, ".keras", tmp_path))


def test_lists_and_dicts_of_one_tensor_become_the_tensor(tmp_path):
    keras, _ = keras_parts()
    model = small()
    for name, inputs, output in (
        ("lists", model.inputs, [model.output]),
        ("dicts", dict.fromkeys(["photo"], model.input), {"row": model.output}),
    ):
        path = tmp_path / f"{name}.keras"
        keras.Model(inputs, output).save(path)
        found = load_user_model(path)
        images = random_images(found)
        np.testing.assert_allclose(run(found.keras_model, images), run(model, images), atol=1e-6)


def test_a_registered_custom_activation_is_refused_by_name(tmp_path):
    keras, _ = keras_parts()

    @keras.saving.register_keras_serializable(package="shop")
    def wobble(x):
        return keras.ops.sin(x)

    try:
        assert "shop>wobble" in refusal(saved(small(ending=wobble), ".keras", tmp_path))
    finally:
        keras.saving.get_custom_objects().clear()


def test_files_that_are_no_whole_model_are_refused_in_one_line(tmp_path):
    model = functional()
    whole, archive = saved(model, ".h5", tmp_path), saved(model, ".keras", tmp_path)
    weights = tmp_path / "only.weights.h5"
    model.save_weights(weights)
    folder = tmp_path / "pictures"
    folder.mkdir()
    renamed = tmp_path / "model.tflite"
    renamed.write_bytes(b"TFL3")
    bad = {
        "neither a Keras archive nor HDF5": (tmp_path / "text.keras", b"just text\n"),
        "is empty": (tmp_path / "empty.keras", b""),
        "is truncated or damaged": (
            tmp_path / "half.keras",
            archive.read_bytes()[: archive.stat().st_size // 2],
        ),
        "damaged": (tmp_path / "half.h5", whole.read_bytes()[: whole.stat().st_size // 2]),
    }
    for said, (path, content) in bad.items():
        path.write_bytes(content)
        assert said in refusal(path)
    assert "does not exist" in refusal(tmp_path / "nowhere.keras")
    assert "weights but no network" in refusal(weights)
    assert "a folder without saved_model.pb" in refusal(folder)
    assert "the suffix '.tflite'" in refusal(renamed)
    (folder / "saved_model.pb").write_bytes(b"\xff\xff not a graph")
    assert "damaged saved_model.pb" in refusal(folder)


def test_an_archive_with_a_spoilt_byte_is_refused(tmp_path):
    path = saved(functional(), ".keras", tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "MODEL" in refusal(path)


def test_a_saved_model_that_runs_python_or_reads_files_is_refused(tmp_path):
    import tensorflow as tf

    class Reading(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3))])
        def __call__(self, image):
            size = tf.strings.length(tf.io.read_file("/etc/hostname"))
            return tf.reduce_sum(image, (1, 2)) + tf.cast(size, tf.float32)

    module = Reading()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.__call__)
    assert "ReadFile" in refusal(tmp_path / "m")


def test_a_saved_model_that_augments_when_it_runs_is_refused(tmp_path):
    import tensorflow as tf

    class Noisy(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3))])
        def __call__(self, image):
            return tf.reduce_sum(image + tf.random.uniform((1, 8, 8, 3)), (1, 2))

    module = Noisy()
    tf.saved_model.save(module, str(tmp_path / "noisy"), signatures=module.__call__)
    assert "draws random numbers" in refusal(tmp_path / "noisy")
    assert "draws random numbers" in refusal(saved(augmented(), "folder", tmp_path))


def test_a_saved_model_of_two_inputs_or_without_a_serving_function_is_refused(tmp_path):
    import tensorflow as tf

    class Joining(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3))] * 2)
        def __call__(self, a, b):
            return tf.reduce_sum(a + b, (1, 2))

    module = Joining()
    tf.saved_model.save(module, str(tmp_path / "two"), signatures=module.__call__)
    assert "2 inputs" in refusal(tmp_path / "two")
    tf.saved_model.save(module, str(tmp_path / "none"), signatures={"other": module.__call__})
    assert "expected serving_default" in refusal(tmp_path / "none")


def test_importing_the_modules_imports_no_tensorflow():
    code = (
        "import sys, models.user_model, models.saved_model, models.weights, "
        "models.imagenet_weights; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
