"""A SavedModel folder that is no image classifier, or does more than compute, is refused."""

import pytest
from user_models import augmented, refusal, saved

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
