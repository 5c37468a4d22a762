"""A picture of the calibration: each activation's histogram, and the range it was given."""

from xml.sax.saxutils import escape

import numpy as np

from models.command_line.printable import printable
from quantize.ranges.calibration import Activation
from quantize.report.calibration_report import Row

WIDTH, HEIGHT, GAP, COLUMNS = 220, 90, 14, 5
BARS = 100
LABEL_LENGTH = 36  # operator and name, in the width of a panel


def svg(title: str, rows: list[Row], statistics: dict[str, Activation]) -> str:
    """An SVG of one panel for each row; counts are drawn as square roots, so rare values show.

    Bars within the range are blue, those that it cuts off are red.
    """
    by_label = {name.split(";")[0]: activation for name, activation in statistics.items()}
    lines = -(-len(rows) // COLUMNS)
    width = COLUMNS * (WIDTH + GAP) + GAP
    height = lines * (HEIGHT + 3 * GAP) + 3 * GAP
    panels = [
        f'<g transform="translate({GAP + i % COLUMNS * (WIDTH + GAP)},'
        f'{3 * GAP + i // COLUMNS * (HEIGHT + 3 * GAP)})">{_panel(row, by_label[row.name])}</g>'
        for i, row in enumerate(rows)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="10">'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{GAP}" y="{GAP + 4}" font-size="13">{escape(printable(title))}</text>'
        + "".join(panels)
        + "</svg>\n"
    )


def _panel(row: Row, activation: Activation) -> str:
    low, high = float(activation.minima.min()), float(activation.maxima.max())
    span = max(high - low, 1e-30)
    histogram = activation.histogram
    places = np.clip((histogram.centers - low) / span * BARS, 0, BARS - 1).astype(int)
    tall = np.sqrt(np.bincount(places, histogram.counts, minlength=BARS))
    tall = tall / max(tall.max(), 1) * HEIGHT
    step = WIDTH / BARS
    bars = []
    for i, length in enumerate(tall):
        if length:
            middle = low + (i + 0.5) / BARS * span
            inside = row.minimum - span / BARS <= middle <= row.maximum + span / BARS
            bars.append(
                f'<rect x="{i * step:.1f}" y="{HEIGHT - length:.1f}" width="{step:.1f}" '
                f'height="{length:.1f}" fill="{"#4878a8" if inside else "#c03028"}"/>'
            )
    room = LABEL_LENGTH - len(row.operator) - 1
    label = row.name if len(row.name) <= room else "…" + row.name[1 - room :]
    return (
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#f4f4f4"/>'
        + "".join(bars)
        + f'<text y="{HEIGHT + 11}">{row.minimum:.3g} … {row.maximum:.3g}</text>'
        + f'<text y="-3">{escape(printable(f"{row.operator} {label}"))}</text>'
    )
