"""The Python that starts the runner, here or on a device, and the packages that it may import."""

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class RunnerPython:
    """``words`` start it. What it imports is in ``packages``, with the Python itself, and in no
    folder that a variable of the environment names: another runtime would be measured."""

    words: tuple[str, ...]
    packages: tuple[PurePath, ...] = ()

    def starting(self, runner: PurePath) -> tuple[str, ...]:
        """The words that start ``runner``, ahead of its own arguments."""
        named = (word for folder in self.packages for word in ("--packages", str(folder)))
        return (*self.words, "-I", str(runner), *named)
