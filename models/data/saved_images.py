"""Preprocessed images on disk, so that other processes and several passes can read them."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from models.data.dataset import Dataset
from models.networks.spec import Preprocess


def save(path: Path, images: Dataset, indices: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """Write them as a .npy, float32 [n, h, w, c]; the indices of those that could be read.

    One image in memory at a time; those that cannot be read and may be skipped are left out.
    """
    from models.data.preprocessing import preprocessed

    size, readable = images.size, []

    def rows():
        for index, pixels in images.images(indices):
            readable.append(index)
            yield preprocessed(pixels, preprocess)

    write_rows(path, (len(indices), size.height, size.width, size.channels), rows())
    return np.asarray(readable)


def write_rows(path: Path, shape: tuple[int, ...], rows: Iterable[np.ndarray]) -> None:
    """Write a .npy, float32 of ``shape`` or of as many ``rows`` as there are.

    Row by row to a file, not into a mapped one: a disk that becomes full is an OSError then, and
    not the end of the process.
    """
    count = 0
    with path.open("wb") as file:
        _write_header(file, shape)
        start = file.tell()
        for row in rows:
            file.write(np.ascontiguousarray(row, "<f4").tobytes())
            count += len(row) if np.ndim(row) == len(shape) else 1
    if count < shape[0]:
        shorter = path.with_name(f"{path.name}.shorter")
        with shorter.open("wb") as file, path.open("rb") as whole:
            _write_header(file, (count, *shape[1:]))
            whole.seek(start)
            while part := whole.read(1 << 20):
                file.write(part)
        os.replace(shorter, path)


def _write_header(file, shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
