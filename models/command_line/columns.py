"""Tables of text: rows as aligned columns within the width of a terminal."""

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass

WIDTH = 100
GAP = "  "
ELLIPSIS = "…"
NARROWEST = 8  # to what the names in a wide table are shortened


@dataclass(frozen=True)
class Columns:
    """The width of each column; those in ``right`` end where they align, all others begin there."""

    widths: tuple[int, ...]
    right: frozenset[int]

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
                widths[number] = max(widths[number], len(cell))
        names = [number for number in range(len(widths)) if number not in right]
        while width and names and sum(widths) + len(GAP) * (len(widths) - 1) > width:
            widest = max(names, key=lambda number: widths[number])
            if widths[widest] <= NARROWEST:
                break
            widths[widest] -= 1
        return cls(tuple(widths), frozenset(right))

    def line(self, cells: Sequence[str]) -> str:
        """One row; the last cell of a row that is shorter than the others may be of any length."""
        last = len(cells) - 1 if len(cells) < len(self.widths) else None
        placed = (
            cell if number == last else self._placed(cell, number)
            for number, cell in enumerate(cells)
        )
        return GAP.join(placed).rstrip()

    def _placed(self, cell: str, number: int) -> str:
        width = self.widths[number]
        if number in self.right:
            return cell.rjust(width)
        return shortened(cell, width).ljust(width)


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
    if wrap and room:
        rows = _wrapped(rows, room)
    columns = Columns.fitting(rows, right, room)
    return "\n".join((indent + columns.line(row)).rstrip() for row in rows)


def _wrapped(rows: Sequence[Sequence[str]], width: int) -> list[Sequence[str]]:
    before = sum(max(map(len, column)) + len(GAP) for column in list(zip(*rows, strict=True))[:-1])
    room = max(width - before, 4 * NARROWEST)
    wrapped: list[Sequence[str]] = []
    for *cells, last in rows:
        parts = textwrap.wrap(last, room, break_long_words=False, break_on_hyphens=False) or [""]
        wrapped += [[*cells, parts[0]], *([*[""] * len(cells), part] for part in parts[1:])]
    return wrapped
