"""Regenerate the outputs that README.md and docs/*.md show: ``make docs``.

A fenced block of kind ``console`` holds commands, each after ``$``, and what they print on standard
output. This script runs the commands of all pages in order, in one empty copy of the project, and
puts what they print in place of what stood there. Words after ``console`` say how:

    head=N tail=M    only the first N and the last M lines, with ``...`` between
    errors           standard error is shown as well
    timed            the rows depend on the machine: a test compares the headings of its tables
    slow             run only with ``SLOW=1`` (minutes, or files that not everybody has)
    by-hand          never run: needs a device that is not here

``tests/test_docs.py`` runs those that are not slow, and compares all but the figures.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", *(f"docs/{name}.md" for name in (
    "export", "quantization", "measuring", "cost", "gates", "history", "devices", "reference",
)))  # fmt: skip
FENCE = re.compile(r"^```console(?P<words>.*)$")
PROMPT = "$ "
LEFT_OUT = "..."


@dataclass(frozen=True)
class Block:
    """One fenced block: its words, and its commands with the lines shown after each.

    ``first`` and ``end`` are positions in the lines of the page: of the line after the opening
    fence, and of the closing fence.
    """

    page: str
    first: int
    end: int
    words: tuple[str, ...]
    commands: tuple[tuple[str, tuple[str, ...]], ...]

    def count(self, name: str) -> int | None:
        """N of ``name=N`` among the words; None where it is not there."""
        return next((int(w.split("=")[1]) for w in self.words if w.startswith(f"{name}=")), None)


def blocks(page: str) -> Iterator[Block]:
    """The console blocks of ``page``, a path below the project, from top to bottom."""
    lines = (ROOT / page).read_text().splitlines()
    position = 0
    while position < len(lines):
        opened = FENCE.match(lines[position])
        position += 1
        if opened is None:
            continue
        first = position
        while lines[position] != "```":
            position += 1
        yield Block(
            page, first, position, tuple(opened["words"].split()),
            tuple(_commands(lines[first:position])),
        )  # fmt: skip


def _commands(lines: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    starts = [n for n, line in enumerate(lines) if line.startswith(PROMPT)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix(PROMPT), tuple(lines[start + 1 : end])


def output(command: str, folder: Path, with_errors: bool) -> list[str]:
    """The lines that ``command`` prints when a shell runs it in ``folder``."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if with_errors else None,
        text=True,
        # The environment is the project's own, which is set up; the copy's files are newer than it.
        env={**os.environ, "MAKEFLAGS": "--no-print-directory --assume-old=.venv/ready"},
    )
    return [line.rstrip().replace(f"{folder}/", "") for line in done.stdout.splitlines()]


def shortened(lines: list[str], head: int | None, tail: int | None) -> list[str]:
    """``lines`` with ``...`` in place of those between the first ``head`` and the last ``tail``."""
    if (head is None and tail is None) or len(lines) <= (head or 0) + (tail or 0) + 1:
        return lines
    return [*lines[: head or 0], LEFT_OUT, *(lines[-tail:] if tail else ())]


def shown(block: Block, folder: Path) -> list[str]:
    """The lines of ``block`` as they are to be: its commands, each with what it prints now."""
    lines = []
    for command, _ in block.commands:
        found = output(command, folder, "errors" in block.words)
        if not found:  # a page that is named alone may want what earlier pages export
            raise SystemExit(f"error: {block.page}: {command} printed nothing; run all pages")
        lines += [PROMPT + command, *shortened(found, block.count("head"), block.count("tail"))]
    return lines


def is_run(block: Block, slow: bool) -> bool:
    """True if the commands of ``block`` are run, with or without those that are ``slow``."""
    return "by-hand" not in block.words and (slow or "slow" not in block.words)


def empty_copy(folder: Path) -> Path:
    """The project as git has it, in ``folder``: no files exported, nothing measured yet."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(names).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def main(argv: list[str]) -> int:
    """Rewrite the pages that are named, or all; 1 where a page cannot be found."""
    parser = argparse.ArgumentParser(
        description="Regenerate the outputs shown in the pages.", allow_abbrev=False
    )
    parser.add_argument("pages", nargs="*", default=PAGES, help="all pages otherwise")
    parser.add_argument("--slow", default="0", choices=("0", "1"), help="1 runs slow ones as well")
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as made:
        folder = empty_copy(Path(made))
        for page in asked.pages:
            lines = (ROOT / page).read_text().splitlines()
            for block in reversed(_regenerated(page, folder, asked.slow == "1")):
                lines[block[0].first : block[0].end] = block[1]
            (ROOT / page).write_text("\n".join(lines) + "\n")
    return 0


def _regenerated(page: str, folder: Path, slow: bool) -> list[tuple[Block, list[str]]]:
    made = []
    for block in blocks(page):
        if is_run(block, slow):
            print(f"{page}: {block.commands[0][0]}", file=sys.stderr)
            made.append((block, shown(block, folder)))
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
