"""Pixels as the values that a network reads."""

import numpy as np

from models.networks.spec import Preprocess


def preprocessed(pixels: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """Pixels in 0..255 as the float32 values that the network reads."""
    return pixels.astype(np.float32) * np.float32(preprocess.scale) + np.float32(preprocess.offset)
