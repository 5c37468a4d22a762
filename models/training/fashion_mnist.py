"""The Fashion-MNIST training set, from Debian's package or from Keras where there is a network.

Only training needs it; what the demo evaluates and calibrates on is embedded
(``models.networks.demo``).
Xiao et al. 2017, arXiv 1708.07747; MIT licence.
"""

import gzip
from pathlib import Path

import numpy as np

from models.command_line.errors import DeviceError

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in a gzipped IDX file."""
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(split: str, folder: Path = DEBIAN_FOLDER) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 28, 28] and labels uint8 [n] of ``split``: ``train`` or ``t10k``."""
    if folder.is_dir():
        images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
        return images, read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    import keras

    try:
        train, test = keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception when the download fails
        raise DeviceError(
            f"Fashion-MNIST is not in {folder} and cannot be downloaded ({error}); "
            "run: apt-get install dataset-fashion-mnist"
        ) from error
    return train if split == "train" else test
