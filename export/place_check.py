"""The place of an export, looked at before its work: whether its files could be put there."""

import os
from pathlib import Path

from export.artifact import MANIFEST_NAME
from export.export_file import all_files
from models.command_line.errors import RequestError


def check_place(folder: Path) -> None:
    """RequestError where a file of an export could not take its place in ``folder``."""
    try:
        if os.path.lexists(folder) and not folder.is_dir():
            raise _in_the_way(folder, "a folder")
        for name in (MANIFEST_NAME, *(file.name for file in all_files())):
            if os.path.lexists(folder / name) and not (folder / name).is_file():
                raise _in_the_way(folder / name, "a file")
    except OSError as error:
        raise RequestError(
            f"the files cannot be written to {folder} ({error.strerror}); give the model another "
            "name, or name another folder that you may use, OUT=/path/to/folder"
        ) from error


def _in_the_way(path: Path, expected: str) -> RequestError:
    kinds = {"a folder": path.is_dir(), "a link to nothing": path.is_symlink()}
    found = next((kind for kind, holds in kinds.items() if holds), "no regular file")
    found = "a file" if expected == "a folder" and path.is_file() else found
    return RequestError(
        f"{path} is {found}, where an export writes {expected}; remove it, or choose another OUT"
    )
