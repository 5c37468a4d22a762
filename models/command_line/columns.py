"""Tables of text: rows as aligned columns within the width of a terminal."""

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from models.command_line.printable import printable

WIDTH = 100
GAP = "  "
ELLIPSIS = "…"
NARROWEST = 8  # to what the names in a wide table are shortened


@dataclass(frozen=True)
class Columns:
    """The width of each column; those in ``right`` end where they align, all others begin there."""

    widths: tuple[int, ...]
    right: frozenset[int]
    width: int | None = None  # of a line

    @classmethod
    def fitting(
        cls, rows: Sequence[Sequence[str]], right: Collection[int] = (), width: int | None = WIDTH
    ) -> "Columns":
        """Columns as wide as the widest cell of ``rows``, the first often a heading.

        Where they are together wider than ``width`` (None: any is fine) the widest columns of names
        become narrower. The last cell of a row that is shorter than the first does not count.
        """
        widths = [0] * len(rows[0])
        for row in rows:
            counted = row if len(row) == len(widths) else row[:-1]
            for number, cell in enumerate(counted):
                widths[number] = max(widths[number], len(printable(cell)))
        names = [number for number in range(len(widths)) if number not in right]
        while width and names and sum(widths) + len(GAP) * (len(widths) - 1) > width:
            widest = max(names, key=lambda number: widths[number])
            if widths[widest] <= NARROWEST:
                break
            widths[widest] -= 1
        return cls(tuple(widths), frozenset(right), width)

    def line(self, cells: Sequence[str]) -> str:
        """One row. The last cell of a row that is shorter than the others is a sentence, which goes
        on in further lines where it does not fit."""
        cells = list(map(printable, cells))
        if len(cells) == len(self.widths):
            return self._placed(cells).rstrip()
        *names, sentence = cells
        before = self._placed(names) + GAP if names else ""
        parts = [sentence]
        if self.width:
            parts = _sentence(sentence, self.width - len(before))
        return ("\n" + " " * len(before)).join([before + parts[0], *parts[1:]]).rstrip()

    def _placed(self, cells: Sequence[str]) -> str:
        return GAP.join(
            cell.rjust(width) if number in self.right else shortened(cell, width).ljust(width)
            for number, (cell, width) in enumerate(zip(cells, self.widths, strict=False))
        )


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters, without its middle where it is longer."""
    if len(text) <= width:
        return text
    kept = width - len(ELLIPSIS)
    return text[: kept - kept // 2] + ELLIPSIS + text[len(text) - kept // 2 :]


def aligned(
    rows: Sequence[Sequence[str]],
    right: Collection[int] = (),
    width: int | None = WIDTH,
    indent: str = "",
    wrap: bool = False,
) -> str:
    """``rows`` as text, with ``indent`` before each; ``Columns.fitting`` says how wide they are.

    ``wrap``: the last column is sentences, which go on in the next line where they do not fit.
    """
    room = width and width - len(indent)
    rows = [list(map(printable, row)) for row in rows]
    if wrap and room:
        rows = _wrapped(rows, room)
    columns = Columns.fitting(rows, right, room)
    return "\n".join((indent + columns.line(row)).rstrip() for row in rows)


def _wrapped(rows: Sequence[Sequence[str]], width: int) -> list[Sequence[str]]:
    before = sum(max(map(len, column)) + len(GAP) for column in list(zip(*rows, strict=True))[:-1])
    wrapped: list[Sequence[str]] = []
    for *cells, last in rows:
        parts = _sentence(last, width - before)
        wrapped += [[*cells, parts[0]], *([*[""] * len(cells), part] for part in parts[1:])]
    return wrapped


def _sentence(text: str, width: int) -> list[str]:
    """``text`` in lines that break between words."""
    room = max(width, 4 * NARROWEST)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
