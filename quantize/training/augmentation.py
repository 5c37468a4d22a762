"""Variations of training images: crops, mirror images, colours and mixtures of two.

They only give the float network more to answer to, so no label has to stay true.
"""

from dataclasses import dataclass

import numpy as np

LEAST_AREA = 0.35  # of a crop, in shares of the image
CONTRAST = 0.2  # at most so much more or less
BRIGHTNESS = 0.1  # of each channel, in shares of half the range of values, at most
MIXED = 0.25  # the share of images that are mixed with another
LARGEST_SHARE = 0.5  # of the other one


@dataclass(frozen=True)
class Variations:
    """The changes to each of a batch of images: float32 arrays, an image a row.

    ``boxes`` [n, 4]: top, left, bottom and right of the crop as shares; ``contrast`` [n, 1, 1, 1];
    ``brightness`` [n, 1, 1, channels] is added; ``share`` [n, 1, 1, 1] of the next image.
    """

    boxes: np.ndarray
    contrast: np.ndarray
    brightness: np.ndarray
    share: np.ndarray

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, count: int, channels: int, mixed: bool
    ) -> "Variations":
        """For ``count`` images; ``mixed``: some are mixed with another, whose label they lose."""
        side = np.sqrt(rng.uniform(LEAST_AREA, 1, (count, 1)))
        corner = rng.uniform(size=(count, 2)) * (1 - side)
        boxes = np.concatenate([corner, corner + side], axis=1)
        mirrored = rng.random((count, 1)) < 0.5
        boxes = np.where(mirrored, boxes[:, [0, 3, 2, 1]], boxes)
        contrast = rng.uniform(1 - CONTRAST, 1 + CONTRAST, (count, 1, 1, 1))
        brightness = rng.uniform(-BRIGHTNESS, BRIGHTNESS, (count, 1, 1, channels))
        share = rng.uniform(0, LARGEST_SHARE, (count, 1, 1, 1))
        share *= (rng.random((count, 1, 1, 1)) < MIXED) * mixed
        return cls(*(np.float32(found) for found in (boxes, contrast, brightness, share)))


def varied(images, variations: Variations, lowest: float, highest: float):
    """``images`` [n, h, w, c], so varied, within ``lowest`` and ``highest``."""
    import tensorflow as tf

    places = tf.range(tf.shape(images)[0])
    size = [int(n) for n in images.shape[1:3]]
    cropped = tf.image.crop_and_resize(images, variations.boxes, places, size)
    mean = tf.reduce_mean(cropped, [1, 2], keepdims=True)
    added = variations.brightness * ((highest - lowest) / 2)
    found = (cropped - mean) * variations.contrast + mean + added
    found = tf.clip_by_value(found, lowest, highest)
    return found + variations.share * (tf.roll(found, 1, 0) - found)
