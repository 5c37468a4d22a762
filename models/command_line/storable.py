"""Text of others as text that can be kept: a name of a file need not be UTF-8, and what is kept
must."""

from typing import TypeVar

T = TypeVar("T")


def storable(value: T) -> T:
    """``value`` with bytes of names that are no UTF-8, which Python reads as lone surrogates,
    written out, e.g. ``caf\\udce9.jpg``; in lists and dictionaries as well."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(key): storable(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(storable(one) for one in value)
    return value


def encoded(text: str) -> bytes:
    """``text`` as the content of a file, whatever the locale says."""
    return text.encode("utf-8", "backslashreplace")
