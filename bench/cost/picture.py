"""A picture of what each layer costs: bars of MACs and of bytes, coloured by kind."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.cost import layer_cost
from bench.cost.layer_cost import FLOAT32_BYTES, LayerCost
from bench.cost.layer_table import kilobytes, millions, shape
from models.command_line.printable import printable

# Of middling lightness: legible on white and on black.
COLOUR_OF = {
    layer_cost.CONVOLUTION: "#d9595b",
    layer_cost.POINTWISE: "#4c86c6",
    layer_cost.DEPTHWISE: "#e58a2e",
    layer_cost.GROUPED: "#9a76c4",
    layer_cost.DENSE: "#a0785a",
    layer_cost.ELEMENTWISE: "#4fa362",
    layer_cost.ACTIVATION: "#d97fb5",
    layer_cost.POOLING: "#3aa6a6",
    layer_cost.DATA_MOVEMENT: "#7f8c8d",
}
ROW, BAR, GAP = 16, 11, 16
NAMES, BARS, FIGURE = 230, 300, 70  # widths of a layer's name, its bars, the number after them
NAME_CHARACTERS = 36
TOP = 84  # where the rows begin
SWATCH, LEGEND = 10, 180
STYLE = (
    ".page{fill:#fff}text{fill:#222}.muted{fill:#666}"
    "@media (prefers-color-scheme:dark){.page{fill:#15181c}text{fill:#ddd}.muted{fill:#999}}"
)


def svg(title: str, layers: Sequence[LayerCost]) -> str:
    """An SVG of one row for each layer in execution order; each half is scaled to its largest bar.

    It follows the reader's choice of light or dark.
    """
    kinds = [kind for kind in COLOUR_OF if any(layer.kind == kind for layer in layers)]
    top = TOP + (len(kinds) - 1) // _legend_columns() * ROW
    width = NAMES + 2 * (BARS + FIGURE) + 2 * GAP
    height = top + ROW * len(layers) + GAP
    macs = max((layer.macs for layer in layers), default=0)
    moved = max((layer.bytes_moved(FLOAT32_BYTES) for layer in layers), default=0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
        f"<style>{STYLE}</style>"
        '<rect class="page" width="100%" height="100%"/>'
        f'<text x="{GAP}" y="22" font-size="14">{escape(printable(title))}</text>'
        + "".join(_legend(number, kind) for number, kind in enumerate(kinds))
        + _heading(top - 8)
        + "".join(
            _row(layer, top + number * ROW, macs, moved) for number, layer in enumerate(layers)
        )
        + "</svg>\n"
    )


def _legend_columns() -> int:
    return (NAMES + 2 * (BARS + FIGURE)) // LEGEND


def _legend(number: int, kind: str) -> str:
    line, column = divmod(number, _legend_columns())
    x, y = GAP + column * LEGEND, 34 + line * ROW
    return (
        f'<rect x="{x}" y="{y}" width="{SWATCH}" height="{SWATCH}" fill="{COLOUR_OF[kind]}"/>'
        f'<text x="{x + SWATCH + 5}" y="{y + 9}">{escape(kind)}</text>'
    )


def _heading(y: int) -> str:
    first, second = GAP + NAMES, GAP + NAMES + BARS + FIGURE
    return (
        f'<text class="muted" x="{first}" y="{y}">million MACs</text>'
        f'<text class="muted" x="{second}" y="{y}">KB read and written, float32</text>'
    )


def _row(layer: LayerCost, y: int, most_macs: int, most_moved: int) -> str:
    moved = layer.bytes_moved(FLOAT32_BYTES)
    told = (
        f"{layer.name}: {layer.operator}, {layer.kind}, output {shape(layer.output_shape)}, "
        f"{layer.parameters:,} parameters"
    )
    first, second = GAP + NAMES, GAP + NAMES + BARS + FIGURE
    return (
        f"<g><title>{escape(printable(told))}</title>"
        f'<text x="{first - 6}" y="{y + BAR - 2}" text-anchor="end">'
        f"{escape(printable(_shortened(layer.name)))}</text>"
        + _bar(first, y, layer.macs, most_macs, layer.kind, millions(layer.macs))
        + _bar(second, y, moved, most_moved, layer.kind, kilobytes(moved))
        + "</g>"
    )


def _bar(x: int, y: int, value: int, most: int, kind: str, figure: str) -> str:
    if not value:
        return ""
    length = BARS * value / most
    return (
        f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{COLOUR_OF[kind]}"/>'
        f'<text class="muted" x="{x + length + 4:.1f}" y="{y + BAR - 2}">{figure}</text>'
    )


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else "…" + name[1 - NAME_CHARACTERS :]
