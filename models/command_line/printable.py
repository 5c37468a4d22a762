"""Text from outside as a terminal, a table or a file of text may have it: nothing in it acts."""

import unicodedata

SPACES = "\t\n\v\f\r\x85\u2028\u2029"
# Controls, marks that nobody sees or that turn the direction of what follows, halves of surrogate
# pairs: a terminal obeys some of them, XML and databases refuse others.
HIDDEN = ("Cc", "Cf", "Cs")
JOINERS = "\u200c\u200d"  # of letters in several scripts, and of emoji


def printable(text: str) -> str:
    """``text`` in one line, each hidden character in it as its escape, e.g. ``\\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """The same of each line."""
    return "\n".join(map(printable, text.split("\n")))


def _shown(character: str) -> str:
    if character in SPACES:
        return " "
    is_character = ord(character) & 0xFFFE != 0xFFFE
    is_seen = unicodedata.category(character) not in HIDDEN or character in JOINERS
    if is_character and is_seen:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
