"""Checkpoints are stored compactly, and nothing of them is lost."""

import numpy as np

from models.networks import registry
from models.networks.spec import ModelSpec
from models.training import compact_weights


def test_a_compact_file_is_smaller_and_loads_the_same_weights(tmp_path):
    import keras

    spec = ModelSpec("v3-small", alpha=0.5, resolution=32, classes=10)
    keras.utils.set_random_seed(1)
    model = registry.build(spec)
    path = tmp_path / "some.weights.h5"
    model.save_weights(path)
    before = path.stat().st_size
    compact_weights.rewrite(path)
    assert path.stat().st_size < 0.9 * before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    other = registry.build(spec)
    other.load_weights(path)
    for found, wanted in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
