"""``classes.txt``: the names of the classes in the order of the model's outputs."""

import os
from collections.abc import Sequence
from pathlib import Path

from models.command_line.errors import RequestError
from models.command_line.printable import printable
from models.data.image_source import check_class_count, label_limit, outputs_in_words
from models.untrusted_files import regular_file

NAME = "classes.txt"
NAMES_SHOWN = 6


def find(folder: Path) -> Path | None:
    """``classes.txt`` in ``folder``, else beside it, else None; RequestError where it is no
    file."""
    for place in (folder, Path(os.path.abspath(folder)).parent):
        listed = place / NAME
        if os.path.lexists(listed):  # without it, labels would silently be others
            expected = "expected one class name a line, or nothing of that name: remove it"
            regular_file.check(listed, str(listed), expected)
            return listed
    return None


def read(path: Path) -> tuple[str, ...]:
    """The class names in label order, one a line; line 1 is label 0.

    Lines end with a line feed alone, with or without a carriage return: where other characters
    ended one, a name that has such a character would shift all labels after it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = file.read().rstrip(" \t\r\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{path} cannot be read ({error}); expected one class name a line in UTF-8"
        ) from error
    line_of: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = line.removesuffix("\r").strip(" \t")
        if (shown := printable(name)) != name:
            raise RequestError(
                f"line {number} of {path} has a character that nobody sees ({shown[:80]!r}); "
                "expected one class name a line, and a line feed after each; remove it"
            )
        if name in line_of or (not name and len(lines) > 1):
            found = f"repeats {name} of line {line_of[name]}" if name else "is empty"
            raise RequestError(
                f"line {number} of {path} {found}; expected one class name a line in label order"
            )
        line_of[name] = number
    if lines == [""]:
        raise RequestError(f"{path} is empty; expected one class name a line in label order")
    return tuple(line_of)


def check_known(folders: Sequence[str], names: Sequence[str], listed: Path, place: str) -> None:
    """RequestError for a class folder whose name is not in the list."""
    unknown = sorted(set(folders) - set(names))
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise RequestError(
            f"{place} has a folder {unknown[0]}{more} that is not in {listed}, whose "
            f"line 1 is {names[0]}; expected every class folder's name there; add it, or "
            "remove the folder"
        )


def check_complete(
    names: Sequence[str], classes: int, listed: Path | None, folder: Path, place: str
) -> None:
    """RequestError where the classes are not as many as the model's outputs tell apart: which
    output is which class would be a guess."""
    advice = "use DATA=folder with the classes the model was trained on"
    check_class_count(len(names), classes, place, advice)
    expected = label_limit(classes)
    if len(names) == expected:
        return
    if listed:
        raise RequestError(
            f"{listed} has {len(names)} names but the model has {outputs_in_words(classes)}; "
            f"expected {expected} names, one a line in the order of the outputs"
        )
    shown = ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
    raise RequestError(
        f"{place} has {len(names)} class folders ({shown}) but the model has "
        f"{outputs_in_words(classes)}, and no {NAME} says which output each is; write the names of "
        f"all {expected} classes into {folder / NAME}, one a line in the order of the outputs "
        "(Keras sorts them unless told otherwise), or use DATA=folder with a folder for each, or "
        "OUTPUTS=values where the outputs are no classes"
    )
