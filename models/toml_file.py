"""A TOML file of the user's: gate.toml, export.toml, devices.toml."""

import tomllib
from pathlib import Path

from models.checked_json import INT64, content_of

DEEPEST = 20


def read(path: Path) -> dict:
    """The tables in ``path``. OSError where it cannot be read, ValueError where it is no TOML."""
    content = content_of(path).decode("utf-8-sig")
    try:
        found = tomllib.loads(content)
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
