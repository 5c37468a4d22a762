"""A folder of class folders of images; to calibrate on, any folder with images below it."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.data import class_list, image_decoding, picture_files
from models.data.folder_listing import Listing, below, list_folder
from models.data.image_source import ImageSize, LabelledImages, UnreadableImage


@dataclass(frozen=True, eq=False)
class FolderImages:
    """Image files by index: ``names`` are paths relative to ``folder``."""

    folder: Path
    names: list[str]
    size: ImageSize
    kind: str = "file"

    def read(self, index: int) -> np.ndarray:
        return image_decoding.decode(self.folder / self.names[index], self.size)

    def item_name(self, index: int) -> str:
        return str(self.folder / self.names[index])

    def item_size(self, index: int) -> int:
        try:
            return os.stat(self.item_name(index)).st_size
        except OSError as error:
            raise UnreadableImage(error.strerror) from error

    def digest(self, index: int) -> bytes:
        image_decoding.check_is_file(self.item_name(index))
        try:
            with open(self.item_name(index), "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise UnreadableImage(error.strerror) from error


def open_folder(where: str, role: str, size: ImageSize, classes: int | None) -> LabelledImages:
    """The images below ``where`` with their labels; lists the folders, decodes no image.

    Labels follow ``classes.txt`` (in the folder, or beside it) where there is one, else the sorted
    folder names; images whose labels nothing reads (role CALIB, or ``classes`` None) may be
    anywhere below the folder. Raises RequestError for a folder that holds no usable set.
    """
    folder = Path(where)
    place = f"{role}={where}"
    if size.channels not in (1, 3):
        raise RequestError(
            f"{place} is a folder, and photographs have 1 or 3 channels, but the model reads "
            f"{size.channels}; expected an .npz with x of shape [n, height, width, {size.channels}]"
        )
    root = list_folder(folder)
    labelled = role != "CALIB" and classes is not None
    if labelled:
        _check_labelled(root, place)
    listed = class_list.find(folder) if role != "CALIB" and root.folders else None
    class_names = class_list.read(listed) if listed else tuple(root.folders)
    if listed:
        class_list.check_known(root.folders, class_names, listed, place)
    label_of = {name: label for label, name in enumerate(class_names)}
    names, others = list(root.images), [n for n in root.others if n != class_list.NAME]
    labels = [np.zeros(len(names), np.int64)]  # beside class folders: to calibrate on
    for name in root.folders:
        found = below(folder / name)
        _check_class_folder(found, folder / name, role)
        names += [f"{name}/{image}" for image in found.images]
        others += [f"{name}/{other}" for other in found.others]
        labels.append(np.full(len(found.images), label_of.get(name, 0), np.int64))
    if not names:
        raise RequestError(_nothing_found(place, root, others))
    if labelled:
        class_list.check_complete(class_names, classes, listed, folder, place)
    return LabelledImages(
        FolderImages(folder, names, size),
        np.concatenate(labels),
        class_names,
        image_decoding.crop_decoder(size),
        (*_left_out(place, folder, others), *_too_deep(place, names if labelled else [])),
    )


def _check_labelled(root: Listing, place: str) -> None:
    """RequestError where images are in no class folder, and so have no label."""
    if root.images and not root.folders:
        raise RequestError(
            f"{place} has images but no class folders, so they have no labels; expected "
            f"{place.partition('=')[2]}/CLASS/{root.images[0]}"
        )
    if root.images:
        raise RequestError(
            f"{place} has {root.images[0]} next to its class folders; expected every image "
            "in a class folder; move it into one or remove it"
        )


def _check_class_folder(found: Listing, folder: Path, role: str) -> None:
    """RequestError where a class folder has files, and none of them is an image."""
    if found.others and not found.images:
        first = folder / found.others[0]
        advice = f"; {picture_files.HEIC_ADVICE}" if picture_files.is_heic(first) else ""
        raise RequestError(
            f"{role}: class folder {folder} has no image among its {len(found.others)} files (the "
            f"first is {found.others[0]}); expected {picture_files.EXPECTED}{advice}"
        )


def _nothing_found(place: str, root: Listing, others: Sequence[str]) -> str:
    if root.folders:
        return (
            f"{place} has no image in its {len(root.folders)} class folders (the first is "
            f"{root.folders[0]}); expected {picture_files.EXPECTED} in each"
        )
    expected = f"expected class folders with {picture_files.EXPECTED}"
    if not others:
        return f"{place} is an empty folder; {expected}"
    return (
        f"{place} has no image among its {len(others)} files (the first is {others[0]}); {expected}"
    )


def _too_deep(place: str, names: Sequence[str]) -> tuple[str, ...]:
    """A note on images in folders inside class folders: is the first folder really their class?"""
    deep = [name for name in names if name.count("/") > 1]
    if not deep:
        return ()
    images = "1 image is" if len(deep) == 1 else f"{len(deep)} images are"
    name = deep[0].split("/")[0]
    return (
        f"{place}: {images} in a folder inside a class folder, the first {deep[0]}, which counts "
        f"as {name}; expected CLASS/IMAGE: where the inner folders are the classes, use a folder "
        "of those",
    )


def _left_out(place: str, folder: Path, others: Sequence[str]) -> tuple[str, ...]:
    """Notes on the files that are not read: photographs that Pillow cannot read, and others."""
    heic = [name for name in others if picture_files.is_heic(folder / name)]
    rest = [name for name in others if name not in set(heic)]
    found = []
    if heic:
        photos = "1 HEIC photograph is" if len(heic) == 1 else f"{len(heic)} HEIC photographs are"
        found.append(
            f"{place}: {photos} left out, the first is {heic[0]}; {picture_files.HEIC_ADVICE}"
        )
    if rest:
        files = "1 file is no image" if len(rest) == 1 else f"{len(rest)} files are no images"
        found.append(f"{place}: {files}, and left out; the first is {rest[0]}")
    return tuple(found)
