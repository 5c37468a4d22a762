"""Where the boxes and arrows of a block's figure go: top to bottom, the longest way in front."""

import itertools
from dataclasses import dataclass

from models.block import INPUT, OUTPUT, Arrow, Block, Box

BOX_WIDTH, ROW_GAP, COLUMN_GAP, LANE, MARGIN = 176, 26, 30, 20, 14  # pixels
TITLE_HEIGHT, LINE_HEIGHT, PADDING = 16, 14, 5
LINE_LENGTH = 26  # characters of a note that fit into a box


@dataclass(frozen=True)
class Place:
    """A box's rectangle in pixels, its title and the lines of notes under it."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """The corners of an arrow in pixels. ``labelled``: whether its shape is news to the reader."""

    arrow: Arrow
    points: tuple[tuple[float, float], ...]
    labelled: bool


@dataclass(frozen=True)
class Layout:
    """A figure of ``width`` by ``height`` pixels."""

    width: float
    height: float
    places: tuple[Place, ...]
    routes: tuple[Route, ...]


def layout(block: Block) -> Layout:
    """Boxes in rows by their depth and in columns by their branch; shortcuts run on the left."""
    rows = _rows(block)
    columns = _columns(block, rows)
    lanes = _lanes(block, rows, columns)
    left = MARGIN + LANE * (1 + max(lanes.values()) if lanes else 0)
    lines = [wrapped(box.notes) for box in block.boxes]
    tall = [
        2 * PADDING
        + TITLE_HEIGHT
        + LINE_HEIGHT * max(len(lines[i]) for i in range(len(rows)) if rows[i] == row)
        for row in range(max(rows) + 1)
    ]
    tops = [MARGIN, *itertools.accumulate((h + ROW_GAP for h in tall), initial=MARGIN)][1:]
    places = tuple(
        Place(
            box,
            left + columns[i] * (BOX_WIDTH + COLUMN_GAP),
            tops[rows[i]],
            BOX_WIDTH,
            2 * PADDING + TITLE_HEIGHT + LINE_HEIGHT * len(lines[i]),
            lines[i],
        )
        for i, box in enumerate(block.boxes)
    )
    routes = tuple(
        _route(arrow, places, columns, left - LANE * (lanes[arrow] + 1) if arrow in lanes else None)
        for arrow in block.arrows
    )
    width = max(place.x for place in places) + BOX_WIDTH + MARGIN
    return Layout(width, tops[-1] - ROW_GAP + MARGIN, places, routes)


def wrapped(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Notes with commas between on one line, or on two of about a length where one is too short."""
    line = ", ".join(notes)
    if len(line) <= LINE_LENGTH or len(notes) == 1:
        return (line,) if notes else ()
    breaks = [(", ".join(notes[:i]), ", ".join(notes[i:])) for i in range(1, len(notes))]
    return min(breaks, key=lambda lines: max(map(len, lines)))


def _rows(block: Block) -> list[int]:
    """The length of the longest way to each box."""
    rows = [0] * len(block.boxes)
    for arrow in sorted(block.arrows, key=lambda arrow: arrow.target):
        rows[arrow.target] = max(rows[arrow.target], rows[arrow.source] + 1)
    return rows


def _columns(block: Block, rows: list[int]) -> list[int]:
    """Column 0 for a longest way through the block, further ones for the branches beside it."""
    columns: dict[int, int] = {}
    at = len(block.boxes) - 1
    while True:
        columns[at] = 0
        before = [a.source for a in block.arrows if a.target == at]
        if not before:
            break
        at = max(before, key=lambda source: (rows[source], -source))
    for i in range(len(block.boxes)):
        if i in columns:
            continue
        before = [columns[a.source] for a in block.arrows if a.target == i and columns[a.source]]
        columns[i] = (
            before[0]
            if before
            else 1 + max((columns[j] for j in columns if rows[j] == rows[i]), default=0)
        )
    return [columns[i] for i in range(len(block.boxes))]


def _lanes(block: Block, rows: list[int], columns: list[int]) -> dict[Arrow, int]:
    """For arrows of column 0 that pass boxes by: how far to the left, the shortest nearest."""
    passing = [
        arrow
        for arrow in block.arrows
        if columns[arrow.source] == columns[arrow.target] == 0
        and rows[arrow.target] > rows[arrow.source] + 1
    ]
    lanes: dict[Arrow, int] = {}
    for arrow in sorted(passing, key=lambda a: rows[a.target] - rows[a.source]):
        taken = [
            lane
            for other, lane in lanes.items()
            if rows[other.source] <= rows[arrow.target] and rows[arrow.source] <= rows[other.target]
        ]
        lanes[arrow] = max(taken, default=-1) + 1
    return lanes


def _route(arrow: Arrow, places, columns, lane_x: float | None) -> Route:
    source, target = places[arrow.source], places[arrow.target]
    middle = source.x + BOX_WIDTH / 2, target.x + BOX_WIDTH / 2
    out_y, in_y = source.y + source.height / 2, target.y + target.height / 2
    labelled = source.box.kind != INPUT and target.box.kind != OUTPUT
    if lane_x is not None:
        points = (source.x, out_y), (lane_x, out_y), (lane_x, in_y), (target.x, in_y)
        labelled = False
    elif columns[arrow.source] == columns[arrow.target]:
        points = (middle[0], source.y + source.height), (middle[1], target.y)
    elif columns[arrow.source] < columns[arrow.target]:
        points = (source.x + BOX_WIDTH, out_y), (middle[1], out_y), (middle[1], target.y)
    else:
        out, back = (middle[0], source.y + source.height), (target.x + BOX_WIDTH, in_y)
        points = out, (middle[0], in_y), back
    return Route(arrow, points, labelled)
