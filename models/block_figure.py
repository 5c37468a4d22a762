"""The figure of a block: an SVG that reads from top to bottom, on light and on dark pages."""

import itertools
from xml.sax.saxutils import escape

from models.block import INPUT, OUTPUT, Block, spelled
from models.block_layout import MARGIN, PADDING, TITLE_HEIGHT, Layout, Place, Route, layout

TITLE_ROOM = 62  # pixels above the figure
GREY = ("#f1f5f9", "#64748b")
FILL_AND_EDGE = {
    INPUT: ("#ffffff", "#94a3b8"),
    OUTPUT: ("#ffffff", "#94a3b8"),
    "Conv2D": ("#e0e7ff", "#6366f1"),
    "SeparableConv2D": ("#dcfce7", "#16a34a"),
    "DepthwiseConv2D": ("#dcfce7", "#16a34a"),
    "GlobalAveragePooling2D": ("#fef3c7", "#d97706"),
    "AveragePooling2D": ("#fef3c7", "#d97706"),
    "MaxPooling2D": ("#fef3c7", "#d97706"),
}


def svg(title: str, place: tuple[str, str], block: Block) -> str:
    """``block`` as an SVG file's text: convolutions blue, depthwise ones green, pooling yellow.

    Above it ``title`` and ``place``, the layers whose outputs the block begins and ends with.
    """
    drawn = layout(block)
    height, middle = drawn.height + TITLE_ROOM, drawn.width / 2
    first, last = (escape(name) for name in place)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawn.width:g}" height="{height:g}" '
            f'viewBox="0 0 {drawn.width:g} {height:g}" font-family="system-ui, sans-serif" '
            'font-size="11.5" text-anchor="middle">',
            f"<title>{escape(title)}, from {first} to {last}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
            'markerHeight="6" orient="auto"><path d="M0 0 8 4 0 8z" fill="#64748b"/></marker>'
            "</defs>",
            '<rect width="100%" height="100%" rx="8" fill="#f8fafc"/>',
            f'<text x="{middle:g}" y="22" font-size="13" font-weight="600" fill="#0f172a">'
            f"{escape(title)}</text>",
            '<g font-size="10" fill="#475569">',
            f'<text x="{middle:g}" y="38">from {first}</text>',
            f'<text x="{middle:g}" y="51">to {last}</text>',
            "</g>",
            f'<g transform="translate(0 {TITLE_ROOM - MARGIN + 6})" fill="#0f172a">',
            *_routes(drawn),
            *(_place(place) for place in drawn.places),
            "</g>",
            "</svg>\n",
        )
    )


def _routes(drawn: Layout):
    """The arrows, and beside those that bring another shape than their box was given: the shape."""
    yield '<g stroke="#64748b" stroke-width="1.4" fill="none" marker-end="url(#tip)">'
    for route in drawn.routes:
        yield f'<path d="M{" ".join(f"{x:g} {y:g}" for x, y in route.points)}"/>'
    yield "</g>"
    yield '<g font-size="10" fill="#475569" text-anchor="start">'
    yield from (_label(route) for route in drawn.routes if route.labelled)
    yield "</g>"


def _label(route: Route) -> str:
    """The shape, beside the first upright piece of the arrow."""
    x, top, bottom = next(
        (x, y, below)
        for (x, y), (x_below, below) in itertools.pairwise(route.points)
        if x == x_below
    )
    return f'<text x="{x + 6:g}" y="{(top + bottom) / 2 + 3:g}">{spelled(route.arrow.shape)}</text>'


def _place(place: Place) -> str:
    fill, edge = FILL_AND_EDGE.get(place.box.kind, GREY)
    middle, y = place.x + place.width / 2, place.y + PADDING + TITLE_HEIGHT - 4
    radius = place.height / 2 if place.box.kind in (INPUT, OUTPUT) else 5
    texts = [f'<text x="{middle:g}" y="{y:g}" font-weight="600">{escape(place.box.title)}</text>']
    for i, line in enumerate(place.lines, start=1):
        texts.append(f'<text x="{middle:g}" y="{y + 14 * i:g}">{escape(line)}</text>')
    return (
        f'<rect x="{place.x:g}" y="{place.y:g}" width="{place.width:g}" '
        f'height="{place.height:g}" rx="{radius:g}" fill="{fill}" stroke="{edge}"/>'
    ) + "".join(texts)
