"""Records as lines of figures: a plain table that can be printed row by row, Markdown, JSON."""

from collections.abc import Sequence

from bench.record import Record
from bench.statistics import latency

NOT_KNOWN = "n/a"
COLUMNS = (
    ("artifact", 22),
    ("runtime", 14),
    ("load ms", 8),
    ("first ms", 8),
    ("median ms", 9),
    ("p90 ms", 8),
    ("n", 5),
    ("threads", 7),
    ("top-1", 7),
    ("as Keras", 8),
    ("images", 6),
)


def header() -> str:
    return line([name for name, _ in COLUMNS])


def line(cells: Sequence[str]) -> str:
    """Cells in columns, the first two to the left; a row that is short (an error) just ends."""
    widths = [width for _, width in COLUMNS]
    aligned = [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=False))
    ]
    return "  ".join(aligned).rstrip()


def row(record: Record) -> str:
    """One line of the table: the figures, or the error in their place."""
    if record.result.error:
        return line(cells(record)[:2]) + f"  error: {record.result.error}"
    return line(cells(record))


def markdown(records: Sequence[Record]) -> str:
    """A Markdown table, each row with what it was measured on and when."""
    names = ["model", "device", *(name for name, _ in COLUMNS), "time (UTC)"]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for record in records:
        figures = cells(record)
        if record.result.error:
            error = f"error: {record.result.error}".replace("|", "\\|")
            figures = [*figures[:2], error, *[""] * (len(COLUMNS) - 3)]
        shown = [record.model_id, record.device, *figures, record.time_utc]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def cells(record: Record) -> list[str]:
    """The figures of ``record`` in the order of COLUMNS."""
    figures = as_dict(record)
    times = ("load_ms", "first_inference_ms", "median_ms", "p90_ms")
    return [
        record.artifact,
        record.result.runtime,
        *(NOT_KNOWN if figures[name] is None else f"{figures[name]:.2f}" for name in times),
        str(figures["samples"]),
        str(figures["threads"]),
        percent(figures["top1"]),
        percent(figures["agreement_with_keras"]),
        str(figures["images"]),
    ]


def percent(share: float | None) -> str:
    return NOT_KNOWN if share is None else f"{100 * share:.2f}%"


def as_dict(record: Record) -> dict:
    """The row as a program reads it: times in milliseconds, shares in [0, 1], None: not known."""
    result, accuracy = record.result, record.accuracy
    warm = latency(result.samples_ns)
    return {
        "model_id": record.model_id,
        "device": record.device,
        "artifact": record.artifact,
        "format": record.format,
        "scheme": record.scheme,
        "runtime": result.runtime,
        "runtime_version": result.runtime_version,
        "threads": result.threads,
        "load_ms": _ms(result.load_ns and result.load_ns + (result.prepare_ns or 0)),
        "first_inference_ms": _ms(result.first_inference_ns),
        "median_ms": _ms(warm and warm.median_ns),
        "p90_ms": _ms(warm and warm.p90_ns),
        "samples": warm.n if warm else 0,
        "peak_rss_bytes": result.peak_rss_bytes,
        "data": record.data,
        "images": accuracy.images if accuracy else 0,
        "top1": accuracy.top1 if accuracy else None,
        "agreement_with_keras": accuracy.agreement if accuracy else None,
        "error": str(result.error) if result.error else None,
        "time_utc": record.time_utc,
    }


def _ms(time_ns: float | None) -> float | None:
    return None if time_ns is None else time_ns / 1e6
