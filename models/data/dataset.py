"""Images with labels to evaluate or calibrate on: the one thing the other parts see."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.command_line.errors import RequestError
from models.data.array_file import open_array_file
from models.data.demo_images import open_demo
from models.data.image_folder import open_folder
from models.data.image_source import ImageSize, Source, UnreadableImage

__all__ = ["Dataset", "ImageSize", "Source", "check_disjoint", "check_place", "open_dataset"]

ACCEPTED = "expected demo, a folder of class folders with images, or an .npz with x and y"
COUNT_VARIABLE = {"DATA": "N_EVAL", "CALIB": "N_CALIB"}
WITHOUT = {  # what holds where a set is not given
    "CALIB": "a part of DATA is set aside then",
    "TRAIN": "the calibration images are trained on then",
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """An opened set of images; no pixels are kept in memory.

    ``name`` is "demo" or the path as given; ``labels`` int64 [n], all 0 where a calibration set
    has none; ``class_names`` is () where the data names none; ``decoder`` says for the manifest
    which library turns an item into pixels and how; ``skipped`` names the images that could not be
    read so far; ``warnings`` are sentences that belong beside an accuracy figure.
    """

    name: str
    class_names: tuple[str, ...]
    labels: np.ndarray
    decoder: str
    size: ImageSize
    source: Source
    skipped: list[str] = field(default_factory=list)
    role: str = "DATA"
    skip_corrupt: bool = False
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def spread(self, n: int, among: np.ndarray | None = None) -> np.ndarray:
        """``n`` indices (all where there are no more), ascending and unique, int64.

        As many of each class as possible, evenly spread inside it; the same every time. ``among``:
        ascending indices to choose from; None: all.
        """
        if n < 1:
            variable = COUNT_VARIABLE[self.role]
            raise RequestError(f"{variable} is {n}; expected at least 1, for example {variable}=64")
        among = np.arange(len(self)) if among is None else among
        if n >= len(among):
            return among
        labels = self.labels[among]
        by_class = among[np.argsort(labels, kind="stable")]
        counts = np.unique(labels, return_counts=True)[1]
        starts = np.cumsum(counts) - counts
        chosen = [
            by_class[start + _evenly(quota, count)]
            for start, count, quota in zip(starts, counts, _quotas(counts, n), strict=True)
        ]
        return np.sort(np.concatenate(chosen))

    def images(self, indices: Sequence[int] | np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Pairs of index and pixels [h, w, c] in 0..255 (uint8; float32 for arrays of float).

        One image in memory at a time. RequestError names an image that cannot be read; with
        ``skip_corrupt`` it is left out and recorded in ``skipped``, unless all of them are.
        """
        readable = 0
        for index in map(int, indices):
            try:
                pixels = self.source.read(index)
            except UnreadableImage as reason:
                self._skip(index, reason)
                continue
            readable += 1
            yield index, pixels
        if not readable and len(indices):
            raise RequestError(
                f"none of the {len(indices)} images asked of {self.role}={self.name} can be read "
                f"(the first is {self.skipped[0]}); expected images of 8 bits a channel"
            )

    def _skip(self, index: int, reason: UnreadableImage) -> None:
        name = self.source.item_name(index)
        if not self.skip_corrupt:
            raise RequestError(
                f"{self.role} image {name}: {reason}; remove it, or use SKIP_CORRUPT=1 to "
                "leave such images out"
            ) from reason
        if name not in self.skipped:
            self.skipped.append(name)

    def content_hash(self, indices: Sequence[int] | np.ndarray) -> str:
        """SHA-256 (hex) of the raw content and the labels of those images, in that order."""
        whole = hashlib.sha256()
        for index in map(int, indices):
            try:
                whole.update(self.source.digest(index))
            except UnreadableImage as reason:
                self._skip(index, reason)
            whole.update(int(self.labels[index]).to_bytes(8, "little", signed=True))
        return whole.hexdigest()

    def sizes(self, indices: Sequence[int] | np.ndarray) -> dict[int, int]:
        """Index to size, for those images that are there."""
        found = {}
        for index in map(int, indices):
            try:
                found[index] = self.source.item_size(index)
            except UnreadableImage as reason:
                self._skip(index, reason)
        return found

    def digests(self, indices: Sequence[int]) -> dict[bytes, int]:
        """Digest of the raw content to index, for those images that are there."""
        found = {}
        for index in indices:
            try:
                found[self.source.digest(index)] = index
            except UnreadableImage as reason:
                self._skip(index, reason)
        return found


def _evenly(quota: int, count: int) -> np.ndarray:
    """``quota`` of ``count`` positions at even distances; they differ as quota <= count."""
    return (2 * np.arange(quota) + 1) * count // max(1, 2 * quota)


def _quotas(counts: np.ndarray, n: int) -> np.ndarray:
    """Images of each class: equal shares, of which small classes leave what they lack."""
    quotas = np.zeros_like(counts)
    while left := n - int(quotas.sum()):
        unfilled = np.flatnonzero(quotas < counts)
        share = left // len(unfilled)
        if not share:
            quotas[unfilled[_evenly(left, len(unfilled))]] += 1
        else:
            quotas[unfilled] += np.minimum(share, (counts - quotas)[unfilled])
    return quotas


def check_place(where: str, role: str) -> None:
    """RequestError where no set of images can be at ``where``; opens nothing."""
    if where == "demo" or os.path.isdir(where):
        return
    if not where or not os.path.exists(where):
        raise RequestError(f"{role} is {where!r}, which does not exist; {ACCEPTED}")
    if not where.lower().endswith(".npz"):
        raise RequestError(f"{role} is {where!r}, a file of another kind; {ACCEPTED}")


def open_dataset(
    where: str, role: str, size: ImageSize, classes: int | None, skip_corrupt: bool = False
) -> Dataset:
    """The images at ``where``: "demo", a folder, or an .npz; lists them, decodes none.

    ``role`` is "DATA" or "TRAIN" (to evaluate or train on: labels must fit ``classes`` outputs;
    None: not checked) or "CALIB" (to calibrate on: labels are not needed). Raises RequestError.
    """
    check_place(where, role)
    if where == "demo":
        found = open_demo(role, size, classes)
    elif os.path.isdir(where):
        found = open_folder(where, role, size, classes)
    else:
        found = open_array_file(where, role, size, classes)
    return Dataset(
        where,
        found.class_names,
        found.labels,
        found.decoder,
        size,
        found.source,
        role=role,
        skip_corrupt=skip_corrupt,
        warnings=found.warnings,
    )


def check_disjoint(
    seen: Dataset,
    seen_indices: Sequence[int] | np.ndarray,
    evaluation: Dataset,
    evaluation_indices: Sequence[int] | np.ndarray,
) -> None:
    """RequestError that names an image which is among both sets of indices, those of the set that
    is ``seen`` beforehand (CALIB, TRAIN) and those to evaluate on.

    Compares raw content: file bytes between folders, pixels between arrays (demo is one). Only
    images whose size occurs on both sides are read. A folder and an array are not compared: the
    same picture has other bytes there.
    """
    if seen.source.kind != evaluation.source.kind:
        return
    seen_sizes = seen.sizes(seen_indices)
    evaluation_sizes = evaluation.sizes(evaluation_indices)
    shared = set(seen_sizes.values()) & set(evaluation_sizes.values())
    ours = seen.digests([i for i, size in seen_sizes.items() if size in shared])
    theirs = evaluation.digests([i for i, size in evaluation_sizes.items() if size in shared])
    both = [digest for digest in ours if digest in theirs]
    if both:
        raise RequestError(
            f"{seen.source.item_name(ours[both[0]])} of {seen.role} is also in {evaluation.role} "
            f"(as {evaluation.source.item_name(theirs[both[0]])}); {len(both)} of "
            f"{len(seen_indices)} images of {seen.role} are; expected images different from those "
            f"evaluated on; use {seen.role}=folder with training images, or leave {seen.role} out: "
            f"{WITHOUT[seen.role]}"
        )
