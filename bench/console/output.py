"""What a command prints: lines for a person as they come, or one JSON object at the end."""

import json

from models.command_line.progress import aside


class Output:
    """Lines go to standard output at once; with ``as_json`` only what was given, at the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._given: dict = {}

    def say(self, *lines: str) -> None:
        """Lines for a person."""
        if lines and not self._as_json:
            with aside():
                print(*lines, sep="\n", flush=True)

    def give(self, **parts) -> None:
        """Parts of the object for a program."""
        self._given.update(parts)

    def end(self) -> None:
        """Print the object, if it is asked for."""
        if self._as_json:
            print(json.dumps(self._given, indent=2))
