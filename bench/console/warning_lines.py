"""The warnings and the failures of many rows in few lines."""

from collections.abc import Mapping, Sequence

from bench.measurement.record import Record


def summed_up(rows: Sequence[Record]) -> list[str]:
    """One line for each kind of warning: which rows have it, and one of them in full."""
    of_kind: dict[str, list[tuple[Record, object]]] = {}
    for row in rows:
        for warning in row.warnings:
            of_kind.setdefault(warning.kind, []).append((row, warning))
    lines = []
    for kind, found in of_kind.items():
        row, warning = found[-1]
        where = f"{row.artifact} in {row.result.runtime}"
        if len(found) == len(rows) > 1:
            where = f"all rows, e.g. {where}"
        elif len(found) > 1:
            where = f"{len(found)} rows, e.g. {where}"
        lines.append(f"warning {kind}: {where}: {warning}")
    return lines


def failures(rows: Mapping[str, Sequence[Record]]) -> list[str]:
    """One line for each device of which rows failed; of several devices with one of the reasons."""
    lines = []
    for device, all_rows in rows.items():
        failed = [row for row in all_rows if row.result.error]
        if failed:
            count = f"{len(failed)} of {len(all_rows)} rows failed"
            last = failed[-1]
            why = f", e.g. {last.artifact} in {last.result.runtime}: {last.result.error}"
            lines.append(f"note: {count}" if len(rows) == 1 else f"note: {device}: {count}{why}")
    return lines
