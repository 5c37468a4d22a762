"""What is going on, on standard error: a live line in a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Report(Protocol):
    """Told what is being done and, where it takes long, how much of it is done of how much."""

    def __call__(self, doing: str, done: int = 0, total: int | None = None) -> None: ...


@contextmanager
def step(description: str) -> Iterator[Report]:
    """Show ``description`` while the block runs, and what is told to the Report that it gives.

    Nothing is left on a terminal afterwards.
    """
    if not sys.stderr.isatty():
        yield _plain_lines(description)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Results go to standard output between steps; rich must not take them to standard error.
    with Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        task = progress.add_task(description, total=None)

        def show(doing: str, done: int = 0, total: int | None = None) -> None:
            progress.update(
                task, description=f"{description}: {doing}", completed=done, total=total
            )

        yield show


def note(line: str) -> None:
    """A line on standard error that stays."""
    print(f"note: {line}", file=sys.stderr, flush=True)


def _plain_lines(description: str) -> Report:
    """One line whenever something else is being done, or more of it."""
    shown = ""

    def show(doing: str, done: int = 0, total: int | None = None) -> None:
        nonlocal shown
        line = f"{description}: {doing}" + (f" {done} of {total}" if total else "")
        if line != shown:
            print(line, file=sys.stderr, flush=True)
            shown = line

    return show
