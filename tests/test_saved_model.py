"""A SavedModel folder that is no image classifier, or does more than compute, is refused; others
are changed where TFLite needs it."""

import numpy as np
import pytest
from user_models import augmented, keras_parts, random_images, randomize, refusal, run, saved

from models.keras_files import float_graph
from models.keras_files.user_model import load_user_model
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph

pytestmark = pytest.mark.usefixtures("fresh_keras")


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


def test_a_saved_model_of_two_inputs_is_refused(tmp_path):
    import tensorflow as tf

    class Joining(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3))] * 2)
        def __call__(self, a, b):
            return tf.reduce_sum(a + b, (1, 2))

    module = Joining()
    tf.saved_model.save(module, str(tmp_path / "two"), signatures=module.__call__)
    assert "2 inputs" in refusal(tmp_path / "two")


def exported(module, folder, **signatures):
    import tensorflow as tf

    tf.saved_model.save(module, str(folder), signatures=signatures or module.__call__)
    return folder


def small_module(function, shape, dtype="float32"):
    """A module that computes ``function`` of one image with a kernel and a matrix."""
    import tensorflow as tf

    rng = np.random.default_rng(3)

    class Small(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(rng.normal(0, 0.3, (3, 3, 3, 4)), dtype=tf.float32)
            self.matrix = tf.Variable(rng.normal(0, 1, (4, 3)), dtype=tf.float32)

        @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="image")])
        def __call__(self, image):
            return function(self, image)

    return Small()


def plain(module, image):
    import tensorflow as tf

    x = tf.nn.relu(tf.nn.conv2d(image, module.kernel, 2, "SAME"))
    return tf.nn.softmax(tf.matmul(tf.reduce_mean(x, (1, 2)), module.matrix))


def same_as(path, module, res=None, cast=None):
    """The opened model, after comparing it with the module."""
    found = load_user_model(path, res)
    images = random_images(found)
    pixels = np.round(np.abs(images) * 255).astype(np.float32) if cast else images
    expected = np.concatenate([np.asarray(module(x[None].astype(cast or "f"))) for x in pixels])
    np.testing.assert_allclose(run(found.keras_model, pixels), expected, atol=1e-5)
    return found


def test_the_only_signature_is_taken_whatever_its_name(tmp_path):
    module = small_module(plain, (None, 16, 16, 3))
    found = same_as(exported(module, tmp_path / "m", classify=module.__call__), module)
    assert "the SavedModel's only signature is classify" in found.notes


def test_a_saved_model_for_eight_images_is_changed_to_one(tmp_path):
    import tensorflow as tf

    def flattening(module, image):
        x = tf.nn.relu(tf.nn.conv2d(image, module.kernel, 2, "SAME"))
        x = tf.reshape(x, (8, 8 * 8, 4))
        return tf.matmul(tf.reduce_max(x, 1), module.matrix)

    path = exported(small_module(flattening, (8, 16, 16, 3)), tmp_path / "m")

    def pooling(module, image):
        x = tf.nn.relu(tf.nn.conv2d(image, module.kernel, 2, "SAME"))
        return tf.matmul(tf.reduce_max(x, (1, 2)), module.matrix)

    free = small_module(pooling, (None, 16, 16, 3))
    found = same_as(path, free)
    assert "stored for 8 images at a time; changed to one" in found.notes


def test_a_saved_model_whose_images_depend_on_each_other_is_refused(tmp_path):
    import tensorflow as tf

    def mixing(module, image):
        return plain(module, image) - tf.reduce_mean(plain(module, image), 0, keepdims=True)

    path = exported(small_module(mixing, (8, 16, 16, 3)), tmp_path / "m")
    assert "its images depend on each other" in refusal(path)


def test_a_saved_model_in_bfloat16_is_changed_to_float32(tmp_path):
    import tensorflow as tf

    def reduced(module, image):
        x = tf.nn.conv2d(
            tf.cast(image, tf.bfloat16), tf.cast(module.kernel, tf.bfloat16), 2, "SAME"
        )
        x = tf.reduce_mean(tf.nn.relu(x), (1, 2))
        return tf.nn.softmax(tf.cast(tf.matmul(x, tf.cast(module.matrix, tf.bfloat16)), tf.float32))

    path = exported(small_module(reduced, (None, 16, 16, 3)), tmp_path / "m")
    found = same_as(path, small_module(plain, (None, 16, 16, 3)))
    assert "stored to compute in bfloat16; changed to float32" in found.notes


def test_a_saved_model_of_whole_numbers_takes_them_as_float32(tmp_path):
    import tensorflow as tf

    def scaling(module, image):
        return plain(module, tf.cast(image, tf.float32) / 255.0)

    module = small_module(scaling, (None, 16, 16, 3), tf.uint8)
    found = same_as(exported(module, tmp_path / "m"), module, cast=np.uint8)
    assert any("input of type uint8" in note for note in found.notes)


def test_a_saved_model_of_any_size_has_that_of_res(tmp_path):
    module = small_module(plain, (None, None, None, 3))
    path = exported(module, tmp_path / "m")
    assert "RES=224" in refusal(path)
    assert same_as(path, module, res=24).height == 24


def test_a_saved_model_that_normalizes_by_its_batch_is_refused_by_name(tmp_path):
    import tensorflow as tf

    def training(module, image):
        with tf.name_scope("bn_7"):
            ones, zeros = tf.ones(3), tf.zeros(3)
            x, _, _ = tf.compat.v1.nn.fused_batch_norm(image, ones, zeros, is_training=True)
        return plain(module, x)

    path = exported(small_module(training, (None, 16, 16, 3)), tmp_path / "m")
    line = refusal(path)
    assert "runs bn_7 as in training" in line
    assert "save it as .keras" in line


def test_a_saved_model_whose_answers_depend_on_the_other_images_is_refused(tmp_path):
    import tensorflow as tf

    def mixing(module, image):
        return plain(module, image - tf.reduce_mean(image, (0, 1, 2)))

    path = exported(small_module(mixing, (None, 16, 16, 3)), tmp_path / "m")
    assert "another answer among others than alone" in refusal(path)


def test_several_signatures_without_a_serving_one_are_refused(tmp_path):
    module = small_module(plain, (None, 16, 16, 3))
    path = exported(module, tmp_path / "m", a=module.__call__, b=module.__call__)
    assert "has signatures: a, b; expected serving_default" in refusal(path)


def test_normalizations_that_keras_exports_as_in_training_run_on_their_averages(tmp_path):
    """``model.export`` does that behind a Resizing, whose default is training."""
    keras, layers = keras_parts()
    image = keras.Input((20, 20, 3))
    x = layers.Conv2D(4, 3)(layers.Resizing(16, 16)(image))
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    model = randomize(keras.Model(image, layers.Dense(3)(layers.Dropout(0.5)(x))))
    found = load_user_model(saved(model, "folder", tmp_path))
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(model, images), atol=1e-5)
    assert any("as in training: functional" in note for note in found.notes), found.notes


def float_graph_of(found):
    return Graph(float_graph.convert(found.keras_model, found.height, found.width, found.channels))


def recurrent(dropout):
    """Rows of an image, read both ways behind a dense layer that has three axes."""
    keras, layers = keras_parts()
    image = keras.Input((12, 8, 1))
    x = layers.Dense(6)(layers.Reshape((12, 8))(image))
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True, dropout=dropout))(x)
    x = layers.GRU(6, recurrent_dropout=dropout)(x)
    return randomize(keras.Model(image, layers.Dense(4)(x)))


@pytest.mark.parametrize("form", [".keras", ".h5", "folder"])
def test_recurrent_layers_are_computed_step_by_step(form, tmp_path):
    model = recurrent(0.0 if form == "folder" else 0.3)
    found = load_user_model(saved(model, form, tmp_path))
    assert any("step by step" in note or "one by one" in note for note in found.notes)
    images = random_images(found)
    expected = run(model, images)
    np.testing.assert_allclose(run(found.keras_model, images), expected, atol=1e-5)
    graph = float_graph_of(found)
    assert not {"WHILE", "UNIDIRECTIONAL_SEQUENCE_LSTM"} & set(graph.op_histogram)
    np.testing.assert_allclose(outputs(graph, images, 1), expected, atol=1e-5)


def test_loops_and_branches_of_known_length_are_written_out(tmp_path):
    import tensorflow as tf

    def looping(module, image):
        x = tf.while_loop(lambda n, x: n < 3, lambda n, x: (n + 1, x * 0.5 + 1), (0, image))[1]
        x = tf.cond(tf.shape(x)[1] > 8, lambda: x - 1, lambda: x + 1)
        return plain(module, x)

    module = small_module(looping, (None, 16, 16, 3))
    found = same_as(exported(module, tmp_path / "m"), module)
    kinds = float_graph_of(found).op_histogram
    assert not {"WHILE", "IF"} & set(kinds)


def test_a_loop_whose_length_depends_on_the_image_is_refused(tmp_path):
    import tensorflow as tf

    def looping(module, image):
        body = lambda x: (x * 0.5,)  # noqa: E731
        (x,) = tf.while_loop(lambda x: tf.reduce_max(x) > 1, body, (image,))
        return plain(module, x)

    path = exported(small_module(looping, (1, 16, 16, 3)), tmp_path / "m")
    assert "depends on the image" in refusal(path)


def test_a_saved_model_of_any_size_has_that_of_its_resizing(tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((None, None, 3))
    x = layers.Rescaling(1 / 255)(layers.Resizing(40, 24)(image))
    x = layers.UpSampling2D(2)(layers.Conv2D(4, 3, activation="relu")(x))
    model = randomize(keras.Model(image, layers.Dense(3)(layers.GlobalMaxPooling2D()(x))))
    found = load_user_model(saved(model, "folder", tmp_path))
    assert (found.height, found.width) == (40, 24)
    assert any("40x24, the size that its Resizing" in note for note in found.notes), found.notes
