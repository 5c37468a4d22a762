"""The caveats of many rows in few lines."""

from collections.abc import Sequence

from bench.record import Record


def summed_up(rows: Sequence[Record]) -> list[str]:
    """One line for each kind of caveat: which rows have it, and one of them in full."""
    of_kind: dict[str, list[tuple[Record, object]]] = {}
    for row in rows:
        for caveat in row.caveats:
            of_kind.setdefault(caveat.kind, []).append((row, caveat))
    lines = []
    for kind, found in of_kind.items():
        row, caveat = found[-1]
        where = f"{row.artifact} in {row.result.runtime}"
        if len(found) == len(rows) > 1:
            where = f"all rows, as {where}"
        elif len(found) > 1:
            where = f"{len(found)} rows, as {where}"
        lines.append(f"caveat {kind}: {where}: {caveat}")
    return lines
