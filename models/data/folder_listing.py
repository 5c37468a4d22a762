"""The visible content of a folder: folders, images, and other files."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from models.command_line.errors import RequestError
from models.data import picture_files
from models.untrusted_files import regular_file

HIDDEN = ("thumbs.db", "desktop.ini")  # on Windows; elsewhere a dot hides a file


@dataclass(frozen=True)
class Listing:
    """Sorted names; with "/" where they are below the folder that was listed."""

    folders: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def list_folder(folder: Path) -> Listing:
    """The entries of ``folder``, without hidden ones; RequestError where it cannot be read."""
    listing = Listing()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower() in HIDDEN:
                    continue
                if _is_folder(entry):
                    listing.folders.append(entry.name)
                elif picture_files.is_picture(folder / entry.name):
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


def _is_folder(entry: os.DirEntry) -> bool:
    """RequestError for what is neither a folder nor a file, and for a link that leads to itself."""
    try:
        if entry.is_dir():
            return True
        # A link to nothing is named when it is read.
        found = regular_file.other_kind(entry.path) if os.path.exists(entry.path) else None
    except OSError as error:
        found = f"a link that leads nowhere ({error.strerror})"
    if not found:
        return False
    raise RequestError(
        f"{entry.path} is {found}; expected folders and image files alone; remove it"
    )


def below(folder: Path) -> Listing:
    """The images and other files in ``folder`` and, as Keras reads class folders, all folders in
    it. RequestError where one cannot be read."""
    whole, entered, waiting = Listing(), set(), [""]
    while waiting:
        inside = waiting.pop()
        real = os.path.realpath(folder / inside)
        if real in entered:  # by a link
            continue
        entered.add(real)
        listing = list_folder(folder / inside)
        prefix = f"{inside}/" if inside else ""
        waiting += [prefix + name for name in listing.folders]
        whole.images.extend(prefix + name for name in listing.images)
        whole.others.extend(prefix + name for name in listing.others)
    whole.images.sort()
    whole.others.sort()
    return whole
