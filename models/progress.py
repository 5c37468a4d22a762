"""What is going on, on standard error: a live line in a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def step(description: str, total: int | None = None) -> Iterator[Callable[[str, int], None]]:
    """Show ``description`` while the block runs; call what it gives with what is being done and
    how many of ``total`` are done. Nothing is left on a terminal afterwards."""
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
        task = progress.add_task(description, total=total)
        yield lambda doing, done: progress.update(
            task, description=f"{description}: {doing}", completed=done
        )


def _plain_lines(description: str) -> Callable[[str, int], None]:
    """One line whenever something else is being done."""
    shown = ""

    def show(doing: str, done: int) -> None:
        nonlocal shown
        if doing != shown:
            print(f"{description}: {doing}", file=sys.stderr, flush=True)
            shown = doing

    return show
