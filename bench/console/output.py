"""The output of a command: lines for a person as they come, or one JSON object at the end."""

import json
from argparse import ArgumentParser
from dataclasses import dataclass

from models.command_line import options
from models.command_line.printable import printable_lines
from models.command_line.progress import aside


@dataclass(frozen=True)
class Layout:
    """The layout of tables; ``wide``: every column, whatever the width of a terminal."""

    wide: bool = False


def add_layout(parser: ArgumentParser) -> None:
    """``--wide``, or ``--wide 1`` as make writes it."""
    options.add_table(parser, Layout, {"wide": "1 shows every column of a table"})


class Output:
    """Lines go to standard output at once; with ``as_json`` only what was given, at the end.
    ``wide``: tables have every column."""

    def __init__(self, as_json: bool, wide: bool = False) -> None:
        self._as_json = as_json
        self.wide = wide
        self._given: dict = {}

    def say(self, *lines: str) -> None:
        """Lines for a person."""
        if lines and not self._as_json:
            with aside():
                print(*map(printable_lines, lines), sep="\n", flush=True)

    def give(self, **parts) -> None:
        """Parts of the object for a program."""
        self._given.update(parts)

    def end(self) -> None:
        """Print the object, if it is asked for."""
        if self._as_json:
            print(json.dumps(self._given, indent=2))
