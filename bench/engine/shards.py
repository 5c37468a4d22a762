"""Images on their way to a runner: .npy shards, written in batches that fit a disk budget."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from models.command_line.errors import DeviceError
from models.data.dataset import Dataset

SHARD_IMAGES = 256
BATCH_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Batch:
    """Shards of pixel values [n, h, w, c]; ``indices`` are the images in them, in order."""

    shards: tuple[Path, ...]
    indices: np.ndarray
    is_last: bool


class Batches:
    """The images of ``dataset`` at ``indices``, to be gone through any number of times.

    One batch is in ``folder`` at a time (it may be a RAM disk) and one shard in memory; where all
    images fit in one batch they are decoded once only. An image that the data set skips is in no
    batch. DeviceError when ``folder`` is full.
    """

    def __init__(
        self, dataset: Dataset, indices: np.ndarray, folder: Path, batch_bytes: int = BATCH_BYTES
    ) -> None:
        self._dataset, self._indices = dataset, indices
        self._folder, self._batch_bytes = folder, batch_bytes
        self._kept: Batch | None = None

    def __iter__(self) -> Iterator[Batch]:
        if self._kept:
            yield self._kept
            return
        images = self._dataset.images(self._indices)
        following, is_first = next(images, None), True
        while following:
            images_per_batch = max(SHARD_IMAGES, self._batch_bytes // following[1].nbytes)
            shutil.rmtree(self._folder, ignore_errors=True)
            chosen = chain([following], islice(images, images_per_batch - 1))
            shards, indices = _write(chosen, self._folder)
            following = next(images, None)
            batch = Batch(shards, indices, is_last=following is None)
            if is_first and batch.is_last:
                self._kept = batch
            is_first = False
            yield batch


def _write(
    images: Iterator[tuple[int, np.ndarray]], folder: Path
) -> tuple[tuple[Path, ...], np.ndarray]:
    folder.mkdir(parents=True)
    shards, indices = [], []
    while shard := list(islice(images, SHARD_IMAGES)):
        path = folder / f"images-{len(shards):04}.npy"
        try:
            np.save(path, np.stack([pixels for _, pixels in shard]))
        except OSError as error:
            raise DeviceError(
                f"cannot write images to {folder}: {error.strerror or 'its disk is full'}; set "
                f"TMPDIR to a folder with {BATCH_BYTES // 2**20} MiB free"
            ) from error
        shards.append(path)
        indices.extend(index for index, _ in shard)
    return tuple(shards), np.asarray(indices, np.int64)
