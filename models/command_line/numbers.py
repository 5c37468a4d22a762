"""Numbers on a command line: digits as everybody has them, and none that a count cannot have."""

import math
import re
from collections.abc import Callable

from models.command_line.errors import RequestError

MOST = 2**31 - 1
SHOWN = 40  # characters
WHOLE = re.compile(r"[+-]?[0-9]+")
ANY = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def whole_number(name: str) -> Callable[[str], int]:
    """A parser of the text of the option ``name``; RequestError for what is no whole number."""

    def parse(text: str) -> int:
        # int() also takes digits of other scripts, underscores and blanks.
        if not WHOLE.fullmatch(text):
            raise RequestError(f"{name} is {shown(text)}; expected a whole number")
        if len(text.lstrip("+-0")) > len(str(MOST)) or abs(int(text)) > MOST:
            raise RequestError(f"{name} is {shown(text)}; expected at most {MOST}")
        return int(text)

    return parse


def number(name: str) -> Callable[[str], float]:
    """The same of any number; RequestError for one that is not finite."""

    def parse(text: str) -> float:
        if not ANY.fullmatch(text) or not math.isfinite(float(text)):
            raise RequestError(f"{name} is {shown(text)}; expected a number")
        return float(text)

    return parse


def shown(text: str) -> str:
    """The text that was given, for a message that is one line however long that is."""
    return repr(text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…")
