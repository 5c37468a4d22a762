"""Statistics of activations: exact where they say so, bounded, and never of nothing."""

import numpy as np
import pytest

from models.command_line.errors import RequestError
from quantize.ranges.calibration import calibrate
from quantize.ranges.histogram import BINS, count


def stream(images):
    return (image[None] for image in images)


@pytest.fixture(scope="module")
def first_layer(v1_graph, calibration_images):
    """Name and all values [64, ...] of the first layer's output."""
    from quantize.graph.graph_editor import GraphEditor
    from quantize.graph.segment import Walk

    walk = Walk(GraphEditor(v1_graph), calibration_images, threads=2)
    walk.to(1)
    return next(iter(walk.values.items()))


def test_extremes_and_means_are_those_of_all_values(v1_statistics, first_layer):
    name, values = first_layer
    found = v1_statistics[name]
    np.testing.assert_allclose(found.maxima, values.reshape(64, -1).max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.minima, values.reshape(64, -1).min(axis=1), rtol=1e-5)
    by_channel = values.reshape(-1, values.shape[-1])
    np.testing.assert_allclose(found.channel_maxima, by_channel.max(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.mean[0], values.mean(axis=0), atol=1e-4)


def test_the_histogram_has_the_shape_of_the_values(v1_statistics, first_layer):
    name, values = first_layer
    histogram = v1_statistics[name].histogram
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    for quantile in (0.5, 0.9, 0.99):
        found = histogram.centers[np.searchsorted(share, quantile)]
        assert found == pytest.approx(np.quantile(values, quantile), abs=0.1)


def test_threads_change_nothing(v1_graph, v1_statistics, calibration_images):
    alone = calibrate(v1_graph, stream(calibration_images), threads=1)
    assert list(alone) == list(v1_statistics)
    for name, found in alone.items():
        np.testing.assert_array_equal(found.maxima, v1_statistics[name].maxima)
        np.testing.assert_array_equal(found.histogram.counts, v1_statistics[name].histogram.counts)
        np.testing.assert_array_equal(found.mean, v1_statistics[name].mean)


def test_means_can_be_of_every_second_image(v1_graph, calibration_images):
    some = calibrate(v1_graph, stream(calibration_images[:16]), threads=2, mean_of_every=2)
    half = calibrate(v1_graph, stream(calibration_images[:16:2]), threads=1)
    for name, found in some.items():
        if found.mean is not None:
            np.testing.assert_allclose(found.mean, half[name].mean, atol=1e-5)


def test_histograms_add_up_whatever_their_spans():
    rng = np.random.default_rng(1)
    small, large = rng.normal(0, 0.01, 500), rng.normal(0, 40, 500)
    together = count(np.concatenate([small, large]))
    added = count(small) + count(large)
    assert together.exponent == added.exponent
    np.testing.assert_array_equal(together.counts, added.counts)
    assert len(added.counts) == BINS and added.counts.sum() == 1000


def test_zeros_alone_have_a_histogram():
    assert count(np.zeros(5, np.float32)).counts.sum() == 5


def test_too_few_images_are_refused(v1_graph, calibration_images):
    with pytest.raises(RequestError, match="CALIB gives 7 images; expected at least 8"):
        calibrate(v1_graph, stream(calibration_images[:7]), threads=2)


def test_an_image_with_nan_is_refused_by_number(v1_graph, calibration_images):
    images = calibration_images[:9].copy()
    images[3, 0, 0, 0] = np.nan
    with pytest.raises(RequestError, match=r"CALIB image 3 has values that are not finite"):
        calibrate(v1_graph, stream(images), threads=1)


def test_images_of_one_colour_are_refused(v1_graph):
    images = np.broadcast_to(np.linspace(-1, 1, 9)[:, None, None, None], (9, 96, 96, 3))
    with pytest.raises(RequestError, match="9 CALIB images is of one constant colour"):
        calibrate(v1_graph, stream(images.astype(np.float32)), threads=2)
