"""The recipe of the demo checkpoints: it learns, it can be interrupted, its norms are Keras's."""

import numpy as np
import pytest

from models.networks import demo, registry
from models.training import train
from models.training.train import Stage

STAGES = (Stage(32, 1, 3e-3, 1e-3), Stage(48, 1, 1e-3, 0.0))


@pytest.fixture(scope="module")
def images():
    with np.load(demo.FOLDER / "images.npz") as arrays:
        return arrays["calib_images"], arrays["calib_labels"]


def test_an_epoch_shows_every_image_once_shifted_by_at_most_two_pixels(images):
    x, y = images
    marked = np.zeros_like(x)
    marked[:, 14, 14] = np.arange(len(x)) % 255 + 1
    seen = [
        pair for batch in train.augmented_epoch(marked, y, 0) for pair in zip(*batch, strict=True)
    ]
    assert len(seen) == len(x)
    for image, _ in seen:
        (row,), (column,) = np.nonzero(image)
        assert 12 <= row <= 16
        assert 11 <= column <= 16  # mirrored, column 14 is column 13
    assert sorted(label for _, label in seen) == sorted(y)


def test_epochs_differ_from_each_other_but_not_from_run_to_run(images):
    first, again, second = (next(train.augmented_epoch(*images, epoch))[0] for epoch in (0, 0, 1))
    assert (first == again).all()
    assert (first != second).any()


def small_network(spec):
    """In place of a MobileNet, whose training takes a minute to trace; without dropout, so
    repeatable."""
    import keras
    from keras import layers

    image = keras.Input((spec.resolution, spec.resolution, 3))
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(len(demo.CLASSES), activation="softmax")(x))


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_ends_where_the_whole_one_does(
    images, tmp_path, monkeypatch
):
    monkeypatch.setattr(registry, "build", small_network)
    whole = train.train("v2", *images, tmp_path, STAGES)
    (tmp_path / "epoch-02.keras").unlink()
    rest = train.train("v2", *images, tmp_path, STAGES)
    for a, b in zip(whole.get_weights(), rest.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


def test_fused_norms_train_and_infer_as_keras_norms_do():
    import keras

    from models.training import fused_norm

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(momentum=0.9)(keras.layers.Conv2D(4, 3)(image))
    plain = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x * x))
    fused = fused_norm.fuse(plain)
    x = np.random.default_rng(0).normal(2, 3, (256, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(plain(x, training=True), fused(x, training=True), rtol=1e-4)
    for a, b in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(plain(x, training=False), fused(x, training=False), rtol=1e-3)
