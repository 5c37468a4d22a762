"""Preprocessed images on disk, so that other processes and several passes can read them."""

from pathlib import Path

import numpy as np

from models.data.dataset import Dataset
from models.networks.spec import Preprocess


def save(path: Path, images: Dataset, indices: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """Write them as a .npy, float32 [n, h, w, c]; the indices of those that could be read.

    One image in memory at a time; those that cannot be read and may be skipped are left out.
    """
    from models.data.preprocessing import preprocessed

    size = images.size
    whole = np.lib.format.open_memmap(
        path, "w+", np.float32, (len(indices), size.height, size.width, size.channels)
    )
    readable = []
    for index, pixels in images.images(indices):
        whole[len(readable)] = preprocessed(pixels, preprocess)
        readable.append(index)
    if len(readable) < len(indices):
        np.save(path, whole[: len(readable)])
    return np.asarray(readable)
