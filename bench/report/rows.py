"""A record as a row of the report's table: the text that is shown and the value it sorts by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.console.record_table import EMULATED, NOT_KNOWN
from bench.measurement import flat_record
from bench.measurement.record import Record

HEADINGS = (
    ("file", ""),
    ("runtime", ""),
    ("threads", ""),
    ("median", "ms"),
    ("95 % interval", "ms"),
    ("p90", "ms"),
    ("size", "KB"),
    ("top-1", "%"),
    ("top-5", "%"),
    ("agreement", "%"),
    ("images", ""),
    ("memory", "peak MiB"),
    ("delegated", "ops"),
    ("warnings", ""),
)
WORDS = ("file", "runtime", "warnings")  # to the left; the others are figures
FINE_BELOW_MS = 1.0
UNREAL = "the processor is emulated: its times mean nothing"
SCHEMES = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Cell:
    """``sorts_by`` None sorts last, whichever way; ``hint`` says more."""

    text: str
    sorts_by: float | str | None = None
    hint: str = ""


@dataclass(frozen=True)
class Row:
    """One record: its cells in the order of HEADINGS, or the first three and an error."""

    record: Record
    cells: tuple[Cell, ...]
    error: str | None = None


def in_order(records: Sequence[Record]) -> list[Record]:
    """As the files are exported: TFLite first, from float32 to int8, then further schemes."""

    def place(record: Record) -> tuple:
        known = record.scheme in SCHEMES
        scheme = SCHEMES.index(record.scheme) if known else len(SCHEMES)
        threads = record.result.threads or 0
        about = (record.artifact, record.result.runtime, threads)
        return (record.format != "tflite", scheme, *about)

    return sorted(records, key=place)


def rows(records: Sequence[Record]) -> list[Row]:
    """One row a record; times of one table have the same number of decimals."""
    flat = list(map(flat_record.flat, records))
    medians = [row["median_ms"] for row in flat if row["samples"]]
    decimals = 3 if medians and min(medians) < FINE_BELOW_MS else 2
    return [_row(record, row, decimals) for record, row in zip(records, flat, strict=True)]


def _row(record: Record, row: dict[str, Any], decimals: int) -> Row:
    about = (
        Cell(row["artifact"], row["artifact"], f"SHA-256 {row['artifact_sha256']}"),
        Cell(row["runtime"], row["runtime"], row["runtime_version"] or ""),
        _number(row["threads"], "{}"),
    )
    if row["error"]:
        return Row(record, about, row["error"])
    return Row(
        record,
        (
            *about,
            *_times(row, decimals),
            _number(row["artifact_bytes"] and row["artifact_bytes"] / 1000, "{:,.0f}"),
            _percent(row["top1"]),
            _percent(row["top5"]),
            _percent(row["agreement"]),
            _number(row["images"] or None, "{:,}", row["data"] or ""),
            _number(row["peak_rss_bytes"] and row["peak_rss_bytes"] / 2**20, "{:,.0f}"),
            _delegated(record, row),
            Cell(
                ", ".join(dict.fromkeys(row["warnings"])),
                len(row["warnings"]),
                "\n".join(map(str, record.warnings)),
            ),
        ),
    )


def _times(row: dict[str, Any], decimals: int) -> tuple[Cell, Cell, Cell]:
    if not row["samples"]:
        return (Cell(NOT_KNOWN),) * 3
    median, p90 = (f"{row[name]:.{decimals}f}" for name in ("median_ms", "p90_ms"))
    if row["emulated"]:
        marked = (Cell(f"{time} {EMULATED}", None, UNREAL) for time in (median, p90))
        return next(marked), Cell(NOT_KNOWN), next(marked)
    low, high = row["median_low_ms"], row["median_high_ms"]
    return (
        Cell(median, row["median_ms"], f"of {row['samples']} samples"),
        Cell(f"{low:.{decimals}f} to {high:.{decimals}f}", high - low),
        Cell(p90, row["p90_ms"]),
    )


def _number(value: float | None, form: str, hint: str = "") -> Cell:
    return Cell(NOT_KNOWN) if value is None else Cell(form.format(value), value, hint)


def _percent(share: float | None) -> Cell:
    return _number(None if share is None else 100 * share, "{:.2f}")


def _delegated(record: Record, row: dict[str, Any]) -> Cell:
    inside, outside = row["ops_in_delegate"], row["ops_outside"]
    if inside is None:
        return Cell(NOT_KNOWN, None, "not reported by this runtime")
    kinds = ", ".join(f"{n} {kind}" for kind, n in row["outside_delegate"].items())
    hint = f"{record.result.delegate.pieces} pieces" + (f"; outside: {kinds}" if kinds else "")
    total = inside + outside
    return Cell(f"{inside} of {total}", inside / max(total, 1), hint)
