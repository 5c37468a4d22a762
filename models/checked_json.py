"""JSON from outside as dataclasses: every field is held against its type before it is used.

A type is a dataclass, a TypedDict (whose further keys are kept as they are), int, float, str, bool,
dict, list or tuple of such, or one of them or None.
"""

import json
import math
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

T = TypeVar("T")

INT64 = range(-(2**63), 2**63)  # what arrays and SQLite hold
LONGEST_TEXT = 2**16
LARGEST_FILE = 64 * 2**20
SHOWN = 60  # characters of a value, in a message
NOUNS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


class WrongField(ValueError):
    """A value of another type, or out of its range, with the name of its field."""

    def __init__(self, at: str, found: object, expected: str) -> None:
        super().__init__(f"{at or 'it'} is {_quoted(found)}; expected {expected}")


def parse(text: str | bytes) -> Any:
    """The value that ``text`` is JSON of; ValueError where it is not, however deep it nests."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def parse_file(path: Path) -> Any:
    """The value in the JSON file at ``path``; ValueError where it is no JSON or is too large.

    Raises the OSErrors of opening it.
    """
    return parse(content_of(path))


def content_of(path: Path) -> bytes:
    """The content of a small file; ValueError where it is no file or is too large. What is no
    regular file is not opened: a pipe may never end."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE >> 20} MiB")
    return content


def read(kind: type[T], raw: object, at: str = "", finite: bool = True) -> T:
    """``raw`` as a ``kind``; WrongField, which names the field, where it is something else.

    ``at`` is the name of the field that ``raw`` is the value of. ``finite``: NaN and infinity are
    no numbers. Text loses halves of surrogate pairs, which no file or terminal takes.
    """
    if kind in NOUNS:
        return _plain(kind, raw, at, finite)
    if is_dataclass(kind):
        return _object(kind, raw, at, finite)
    if is_typeddict(kind):
        return _dictionary(kind, raw, at, finite)
    form, of = get_origin(kind) or kind, get_args(kind)
    if form in (Union, UnionType):
        known = [one for one in of if one is not NoneType]
        return None if raw is None and len(known) < len(of) else read(known[0], raw, at, finite)
    if form is dict:
        if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
            raise WrongField(at, raw, "an object")
        return (
            {_clean(key): read(of[1], raw[key], _at(at, key), finite) for key in raw} if of else raw
        )
    if form in (list, tuple):
        if not isinstance(raw, list | tuple):
            raise WrongField(at, raw, "a list")
        if of[0] is int and all(type(value) is int for value in raw):  # samples: a million of them
            _check_whole(raw, at)
            return form(raw)
        return form(read(of[0], value, f"{at}[{n}]", finite) for n, value in enumerate(raw))
    return raw  # of any type


def check_range(name: str, value: float | None, lowest: float, highest: float) -> None:
    """WrongField where ``value`` is not from ``lowest`` to ``highest``; None is not known."""
    if value is not None and not lowest <= value <= highest:
        at_least = f"at least {lowest:g}" + (f" and at most {highest:g}" if highest < 2**32 else "")
        raise WrongField(name, value, at_least)


def _plain(kind: type, raw: object, at: str, finite: bool) -> Any:
    wrong = WrongField(at, raw, NOUNS[kind])
    if kind is float:
        if type(raw) not in (int, float) or (type(raw) is int and raw not in INT64):
            raise wrong
        if finite and not math.isfinite(raw):
            raise wrong
        return float(raw)
    if type(raw) is not kind or (kind is int and raw not in INT64):
        raise wrong
    if kind is str and len(raw) > LONGEST_TEXT:
        raise WrongField(at, raw, f"at most {LONGEST_TEXT} characters")
    return _clean(raw) if kind is str else raw


def _check_whole(values: list | tuple, at: str) -> None:
    if values and not (min(values) in INT64 and max(values) in INT64):
        raise WrongField(at, max(values, key=abs), "a whole number of 64 bits")


def _object(kind: type, raw: object, at: str, finite: bool) -> Any:
    if isinstance(raw, kind):
        raw = vars(raw)
    if not isinstance(raw, dict):
        raise WrongField(at, raw, "an object")
    types, needed = _fields(kind)
    if unknown := [str(key) for key in raw if key not in types]:
        raise WrongField(_at(at, unknown[0][:SHOWN]), raw[unknown[0]], "no field of that name")
    if missing := [name for name in needed if name not in raw]:
        raise WrongField(_at(at, missing[0]), "missing", "a value")
    return kind(**{name: read(types[name], raw[name], _at(at, name), finite) for name in raw})


def _dictionary(kind: type, raw: object, at: str, finite: bool) -> Any:
    if not isinstance(raw, dict):
        raise WrongField(at, raw, "an object")
    if missing := sorted(name for name in kind.__required_keys__ if name not in raw):
        raise WrongField(_at(at, missing[0]), "missing", "a value")
    types = get_type_hints(kind)
    known = {
        name: read(types[name], raw[name], _at(at, name), finite) for name in types if name in raw
    }
    return {**raw, **known}


@cache
def _fields(kind: type) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The types of a dataclass's fields by name, and the names of those without a default."""
    needed = [f.name for f in fields(kind) if f.default is f.default_factory is MISSING]
    return get_type_hints(kind), tuple(needed)


def _clean(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _at(outer: str, name: str) -> str:
    return f"{outer}.{name}" if outer else name


def _quoted(found: object) -> str:
    if isinstance(found, float | int) or found is None:
        shown = "null" if found is None else "too large" if abs(found) >= 1e300 else str(found)
    elif isinstance(found, str):
        shown = found if found == "missing" else repr(found[: SHOWN + 1])
    else:
        shown = {dict: "an object", list: "a list", tuple: "a list"}.get(
            type(found), type(found).__name__
        )
    return shown if len(shown) <= SHOWN + 3 else shown[:SHOWN] + "…"
