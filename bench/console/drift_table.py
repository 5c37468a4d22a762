"""The drift matrix as text."""

from collections.abc import Mapping, Sequence

from bench.measurement.drift import names
from bench.measurement.record import Drift
from models.command_line.columns import GAP, WIDTH, aligned

EXACT = "exact"
SELF = "-"
CELL = len(">99.9")


def drift_table(drifts: Sequence[Drift], wide: bool = False) -> str:
    """The matrix: columns are numbered, agreement in % above the diagonal (the cosine of outputs
    that are no classes), SQNR in dB below it.

    More columns than fit are in blocks below each other, in one with ``wide``. Empty without
    drifts.
    """
    columns = names(drifts)
    if not columns:
        return ""
    cells = {(drift.a, drift.b): drift for drift in drifts}
    above = "agreement in % above the diagonal, SQNR in dB below"
    if drifts[0].agreeing is None:
        above = "cosine above the diagonal, SQNR in dB below"
    lines = [f"drift on {drifts[0].images} images: {above}"]
    for block in _blocks(columns, wide):
        heading = ["", "", *(f"{columns.index(column) + 1:>{CELL}}" for column in block)]
        rows = [heading]
        for number, row in enumerate(columns, 1):
            shown = (_cell(cells, columns, row, column) for column in block)
            rows.append([str(number), row, *shown])
        lines.append(aligned(rows, (0, *range(2, len(heading))), None if wide else WIDTH))
    return "\n".join(lines)


def _blocks(columns: Sequence[str], wide: bool) -> list[Sequence[str]]:
    room = WIDTH - len(str(len(columns))) - max(map(len, columns)) - len(GAP)
    at_once = len(columns) if wide else max(1, room // (CELL + len(GAP)))
    return [columns[start : start + at_once] for start in range(0, len(columns), at_once)]


def _cell(
    cells: Mapping[tuple[str, str], Drift], columns: Sequence[str], row: str, column: str
) -> str:
    if row == column:
        return SELF
    above = columns.index(row) < columns.index(column)
    drift = cells.get((row, column) if above else (column, row))
    if drift is None:
        return "n/a"
    if above and drift.agreeing is None:
        return f"{drift.cosine:.3f}"
    if above:
        return percent(drift.agreeing, drift.images)
    return EXACT if drift.sqnr_db is None else f"{drift.sqnr_db:.1f}"


def percent(part: int, whole: int) -> str:
    """A share in %; 100.0 only where it is all of them."""
    shown = f"{100 * part / whole:.1f}"
    if shown == "100.0" and part < whole:
        shown = ">99.9"
    return shown
