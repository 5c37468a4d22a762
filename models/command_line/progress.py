"""Progress on standard error: live lines in a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Protocol

from models.command_line.printable import printable
from models.command_line.streams import tell


class Report(Protocol):
    """Told what is being done and, where it takes long, how much of it is done of how much."""

    def __call__(self, doing: str, done: int = 0, total: int | None = None) -> None: ...


def quiet(doing: str, done: int = 0, total: int | None = None) -> None:
    """A Report that shows nothing."""


@contextmanager
def step(description: str) -> Iterator[Report]:
    """Show ``description`` while the block runs, and what is told to the Report that it gives.

    Any number of threads may be in a step at the same time: each step has a line of its own.
    Nothing is left on a terminal afterwards.
    """
    if not sys.stderr.isatty():
        yield _plain_lines(description)
        return
    with _TERMINAL.line(description) as show:
        yield show


@contextmanager
def aside() -> Iterator[None]:
    """Room on the terminal for what the block prints: no live line meanwhile, in any thread."""
    with _TERMINAL.cleared():
        yield


def note(line: str) -> None:
    """A line on standard error that stays; from any thread."""
    with aside():
        tell(printable(f"note: {line}"))


class _Terminal:
    """The live lines of all steps. There is one terminal, which all threads write to, so this has
    one instance; nothing slow is loaded before the first step."""

    def __init__(self) -> None:
        self._lock, self._progress, self._live = RLock(), None, None

    @contextmanager
    def line(self, description: str) -> Iterator[Report]:
        with self._lock:
            if self._progress is None:
                self._progress = _progress()
                self._start()
            progress = self._progress
            task = progress.add_task(printable(description), total=None)

        def show(doing: str, done: int = 0, total: int | None = None) -> None:
            shown = printable(f"{description}: {doing}")
            progress.update(task, description=shown, completed=done, total=total)

        try:
            yield show
        finally:
            with self._lock:
                progress.remove_task(task)
                if not progress.tasks:
                    self._live.stop()
                    self._progress = self._live = None

    @contextmanager
    def cleared(self) -> Iterator[None]:
        with self._lock:
            if self._live is None:
                yield
                return
            self._live.stop()
            try:
                yield
            finally:
                self._start()

    def _start(self) -> None:
        """A new display each time: one that goes on would erase as many lines above it as it had
        when it was stopped, and these are results by then."""
        from rich.console import Console
        from rich.live import Live

        # Results go to standard output; rich must not take them to standard error.
        self._live = Live(
            self._progress,
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            refresh_per_second=10,
        )
        self._live.start()


_TERMINAL = _Terminal()


def _progress():
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    return Progress(SpinnerColumn(), text, BarColumn(), TimeElapsedColumn())


def _plain_lines(description: str) -> Report:
    """One line whenever something else is being done, or more of it."""
    shown = ""

    def show(doing: str, done: int = 0, total: int | None = None) -> None:
        nonlocal shown
        line = f"{description}: {doing}" + (f" {done} of {total}" if total else "")
        if line != shown:
            tell(printable(line))
            shown = line

    return show
