"""The channel shuffle is the papers' permutation, in a form that leaves the delegate whole."""

import numpy as np
import pytest

from models.networks.channel_shuffle import channel_shuffle


@pytest.mark.parametrize(("channels", "groups"), [(6, 2), (6, 3), (58, 2), (60, 3)])
def test_channels_are_dealt_out_to_the_groups_in_turn(channels, groups):
    import keras

    image = keras.Input((4, 5, channels))
    model = keras.Model(image, channel_shuffle(image, groups, "shuffle"))
    x = np.random.default_rng(0).normal(size=(2, 4, 5, channels)).astype(np.float32)

    got = np.asarray(model(x))

    per_group = channels // groups
    for group in range(groups):
        expected = x[..., group * per_group : (group + 1) * per_group]
        np.testing.assert_array_equal(got[..., group::groups], expected)
