"""A TOML file of the user's: gate.toml, export.toml, devices.toml."""

import tomllib
from pathlib import Path

from models.checked_json import INT64, LARGEST_FILE

DEEPEST = 20


def read(path: Path) -> dict:
    """The tables in ``path``. OSError where it cannot be read, ValueError where it is no TOML."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE >> 20} MiB")
    try:
        found = tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    _check(found)
    return found


def _check(value: object) -> None:
    """ValueError for a whole number of more than 64 bits, which TOML does not have, and for tables
    in tables so deep that nothing here could show them."""
    waiting = [(value, 0)]
    while waiting:
        inner, depth = waiting.pop()
        if isinstance(inner, dict | list):
            if depth == DEEPEST:
                raise ValueError("it nests too deeply")
            inside = inner.values() if isinstance(inner, dict) else inner
            waiting += [(one, depth + 1) for one in inside]
        elif type(inner) is int and inner not in INT64:
            raise ValueError("it has a whole number of more than 64 bits")
