"""A record as a row of the report's table: what is shown, and what a column sorts by."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measurement.latency import latency
from bench.measurement.record import Record

NOT_KNOWN = "n/a"
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
    ("as Keras", "%"),
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
    warm = [latency(r.result.samples_ns, r.result.turns) for r in records]
    medians = [w.median_ns / 1e6 for w in warm if w]
    decimals = 3 if medians and min(medians) < FINE_BELOW_MS else 2
    return [_row(record, w, decimals) for record, w in zip(records, warm, strict=True)]


def _row(record: Record, warm, decimals: int) -> Row:
    result = record.result
    about = (
        Cell(record.artifact, record.artifact, f"SHA-256 {record.artifact_sha256}"),
        Cell(result.runtime, result.runtime, result.runtime_version or ""),
        _number(result.threads, "{}"),
    )
    if result.error:
        return Row(record, about, str(result.error))
    of_images = record.accuracy
    return Row(
        record,
        (
            *about,
            *_times(warm, decimals, record.environment.emulated),
            _number(record.artifact_bytes and record.artifact_bytes / 1000, "{:,.0f}"),
            _percent(of_images and of_images.top1),
            _percent(of_images and of_images.top5),
            _percent(of_images and of_images.agreement),
            _number(of_images and of_images.images, "{:,}", (of_images and record.data) or ""),
            _number(result.peak_rss_bytes and result.peak_rss_bytes / 2**20, "{:,.0f}"),
            _delegated(record),
            Cell(
                ", ".join(dict.fromkeys(c.kind for c in record.warnings)),
                len(record.warnings),
                "\n".join(map(str, record.warnings)),
            ),
        ),
    )


def _times(warm, decimals: int, emulated: bool) -> tuple[Cell, Cell, Cell]:
    if warm is None:
        return (Cell(NOT_KNOWN),) * 3
    if emulated:
        median, p90 = (
            f"{ns / 1e6:.{decimals}f} (emulated)" for ns in (warm.median_ns, warm.p90_ns)
        )
        return Cell(median, None, UNREAL), Cell(NOT_KNOWN), Cell(p90, None, UNREAL)
    low, high = warm.interval.low / 1e6, warm.interval.high / 1e6
    return (
        Cell(f"{warm.median_ns / 1e6:.{decimals}f}", warm.median_ns, f"of {warm.n} samples"),
        Cell(f"{low:.{decimals}f} to {high:.{decimals}f}", high - low),
        Cell(f"{warm.p90_ns / 1e6:.{decimals}f}", warm.p90_ns),
    )


def _number(value: float | None, form: str, hint: str = "") -> Cell:
    return Cell(NOT_KNOWN) if value is None else Cell(form.format(value), value, hint)


def _percent(share: float | None) -> Cell:
    return _number(None if share is None else 100 * share, "{:.2f}")


def _delegated(record: Record) -> Cell:
    delegate = record.result.delegate
    if delegate is None:
        return Cell(NOT_KNOWN, None, "this runtime does not tell")
    outside = sum(delegate.outside.values())
    kinds = ", ".join(f"{n} {kind}" for kind, n in delegate.outside.items())
    hint = f"{delegate.pieces} pieces" + (f"; outside: {kinds}" if kinds else "")
    total = delegate.inside + outside
    return Cell(f"{delegate.inside} of {total}", delegate.inside / max(total, 1), hint)
