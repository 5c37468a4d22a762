"""A folder of class folders of JPEG and PNG files; to calibrate, a flat folder of them will do."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.data import image_decoding
from models.data.image_source import ImageSize, LabelledImages, UnreadableImage, check_class_count

SUFFIXES = (".jpg", ".jpeg", ".png")
CLASS_LIST_NAME = "classes.txt"


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
        try:
            with open(self.item_name(index), "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise UnreadableImage(error.strerror) from error


@dataclass(frozen=True)
class Listing:
    """The visible names in a folder, sorted."""

    folders: list[str]
    images: list[str]
    others: list[str]


def list_folder(folder: Path) -> Listing:
    """The content of ``folder``, hidden files left out; RequestError where it cannot be read."""
    listing = Listing([], [], [])
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    listing.folders.append(entry.name)
                elif entry.name.lower().endswith(SUFFIXES):
                    listing.images.append(entry.name)
                else:
                    listing.others.append(entry.name)
    except OSError as error:
        raise RequestError(
            f"{folder} cannot be read ({error.strerror}); expected a folder you may read"
        ) from error
    for names in (listing.folders, listing.images, listing.others):
        names.sort()
    return listing


def open_folder(where: str, role: str, size: ImageSize, classes: int | None) -> LabelledImages:
    """The images under ``where`` with their labels; lists the folders, opens no image.

    Labels follow ``classes.txt`` (in the folder, or beside it) where there is one, else the sorted
    folder names. Raises RequestError for a folder that holds no usable set.
    """
    folder = Path(where)
    root = list_folder(folder)
    decoder = image_decoding.crop_decoder(size)
    if not root.folders:
        _check_flat(root, where, role)
        labels = np.zeros(len(root.images), np.int64)
        return LabelledImages(FolderImages(folder, root.images, size), labels, (), decoder)
    if root.images:
        raise RequestError(
            f"{role}={where} has {root.images[0]} next to its class folders; expected every image "
            "in a class folder; move it into one or remove it"
        )
    class_list = find_class_list(folder)
    class_names = read_class_list(class_list) if class_list else tuple(root.folders)
    warnings: tuple[str, ...] = ()
    if class_list:
        _check_known(root.folders, class_names, class_list, where, role)
    if role == "DATA":
        advice = "use DATA=folder with the classes the model was trained on"
        check_class_count(len(class_names), classes, f"DATA={where}", advice)
        if not class_list and classes is not None and len(class_names) < classes:
            warnings = (
                f"DATA={where} has {len(class_names)} class folders for {classes} outputs and no "
                f"{CLASS_LIST_NAME}: labels follow the sorted folder names",
            )
    names, labels = _list_classes(folder, root.folders, class_names, role)
    return LabelledImages(FolderImages(folder, names, size), labels, class_names, decoder, warnings)


def _check_flat(root: Listing, where: str, role: str) -> None:
    expected = "expected class folders with JPEG or PNG images (.jpg .jpeg .png)"
    if root.images and role == "CALIB":
        return
    if root.images:
        raise RequestError(
            f"{role}={where} has images but no class folders, so they have no labels; expected "
            f"{where}/CLASS/{root.images[0]}"
        )
    if root.others:
        raise RequestError(
            f"{role}={where} has no image among its {len(root.others)} files (the first is "
            f"{root.others[0]}); {expected}"
        )
    raise RequestError(f"{role}={where} is an empty folder; {expected}")


def find_class_list(folder: Path) -> Path | None:
    """``classes.txt`` in ``folder``, else beside it, else None."""
    for place in (folder, Path(os.path.abspath(folder)).parent):
        if (place / CLASS_LIST_NAME).is_file():
            return place / CLASS_LIST_NAME
    return None


def read_class_list(path: Path) -> tuple[str, ...]:
    """The class names in label order, one a line; line 1 is label 0."""
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{path} cannot be read ({error}); expected one class name a line in UTF-8"
        ) from error
    line_of: dict[str, int] = {}
    for number, name in enumerate(map(str.strip, lines), 1):
        if not name or name in line_of:
            found = f"repeats {name} of line {line_of[name]}" if name else "is empty"
            raise RequestError(
                f"line {number} of {path} {found}; expected one class name a line in label order"
            )
        line_of[name] = number
    if not line_of:
        raise RequestError(f"{path} is empty; expected one class name a line in label order")
    return tuple(line_of)


def _check_known(folders, class_names, class_list: Path, where: str, role: str) -> None:
    unknown = sorted(set(folders) - set(class_names))
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise RequestError(
            f"{role}={where} has a folder {unknown[0]}{more} that is not in {class_list}, whose "
            f"line 1 is {class_names[0]}; expected every class folder's name there; add it, or "
            "remove the folder"
        )


def _list_classes(folder: Path, folders, class_names, role) -> tuple[list[str], np.ndarray]:
    label_of = {name: label for label, name in enumerate(class_names)}
    names: list[str] = []
    labels: list[np.ndarray] = []
    for name in folders:
        listing = list_folder(folder / name)
        if listing.others and not listing.images:
            raise RequestError(
                f"{role}: class folder {folder / name} has no image among its "
                f"{len(listing.others)} files (the first is {listing.others[0]}); expected JPEG "
                "or PNG images (.jpg .jpeg .png)"
            )
        names += [f"{name}/{image}" for image in listing.images]
        labels.append(np.full(len(listing.images), label_of[name], np.int64))
    if not names:
        raise RequestError(
            f"{role}={folder} has no image in its {len(folders)} class folders (the first is "
            f"{folders[0]}); expected {folder}/CLASS/IMAGE.jpg (.jpg .jpeg .png)"
        )
    return names, np.concatenate(labels)
