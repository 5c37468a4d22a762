"""Records as tables of text: latency, accuracy, and both in Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bench.console.foreign_text import markdown_text
from bench.measurement.comparable import took_turns
from bench.measurement.flat_record import beside, flat
from bench.measurement.record import Record
from models.command_line.columns import WIDTH, Columns, aligned, shortened

NOT_KNOWN = "n/a"
EMULATED = "(emulated)"
APART = "*"
LONGEST_ERROR = 2 * WIDTH  # in characters; make show has all of it
NAMES = (0, 1)  # columns of words; those after them are figures
Row = Mapping[str, Any]  # of flat_record
Cells = Mapping[str, Callable[[Row], str]]  # by heading


def milliseconds(name: str, decimals: int = 2) -> Callable[[Row], str]:
    """A function from a flat row to its figure ``name`` as text, in milliseconds."""
    return lambda row: figure(row[name], f".{decimals}f")


def percent(share: float | None) -> str:
    return NOT_KNOWN if share is None else f"{100 * share:.2f}%"


def figure(value: float | None, form: str) -> str:
    return NOT_KNOWN if value is None else format(value, form)


def precision(row: Row) -> str:
    return figure(row["precision"], ".1%")


def mebibytes(row: Row) -> str:
    """The peak memory."""
    size = row["peak_rss_bytes"]
    return NOT_KNOWN if size is None else f"{size / 2**20:.0f}"


def delegated(row: Row) -> str:
    """Such as "28/31": operators in the delegate, of all; "-" where the runtime has none."""
    inside, outside = row["ops_in_delegate"], row["ops_outside"]
    return "-" if inside is None else f"{inside}/{inside + outside}"


def _ratio(row: Row) -> str:
    if row["emulated"]:
        return ""
    mark = APART if row["ratio_in_turns"] is False else ""
    return figure(row["ratio"], ".2f") + mark


def _interval(row: Row) -> str:
    if row["emulated"]:
        return EMULATED
    if row["ratio"] is None or row["ratio_to"] == f"{row['artifact']} {row['runtime']}":
        return ""  # none, or to itself
    return f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}"


FILE: Cells = {"file": lambda row: row["artifact"], "runtime": lambda row: row["runtime"]}
MEDIAN: Cells = {"median ms": milliseconds("median_ms"), "±": precision}
DETAILS: Cells = {
    "p10": milliseconds("p10_ms"),
    "p90": milliseconds("p90_ms"),
    "p99": milliseconds("p99_ms"),
    "first": milliseconds("first_inference_ms"),
    "load": milliseconds("load_ms"),
    "prepare": milliseconds("prepare_ms"),
    "n": lambda row: str(row["samples"]),
    "delegated": delegated,
}
MEMORY: Cells = {"MiB": mebibytes}
ACCURACY: Cells = {
    "images": lambda row: str(row["images"]),
    "top-1": lambda row: percent(row["top1"]),
    "top-5": lambda row: percent(row["top5"]),
    "agreement": lambda row: percent(row["agreement"]),
    "SQNR dB": lambda row: figure(row["sqnr_db"], ".1f"),
}
SOFTMAX: Cells = {
    "cosine": lambda row: figure(row["cosine"], ".6f"),
    "mean change": lambda row: figure(row["mean_softmax_change"], ".4f"),
    "worst": lambda row: figure(row["worst_softmax_change"], ".2f"),
}
# As wide as a line of ACCURACY and SOFTMAX gets, since those are printed one by one.
WIDEST = ("1000000", "100.00%", "100.00%", "100.00%", "-100.0", "-0.123456", "0.1234", "0.12")


def latency_lines(records: Sequence[Record], base: Record | None, wide: bool = False) -> list[str]:
    """The table of latencies, and what its marks mean: each median beside that of ``base``, or the
    error in its place. ``wide``: every column, however long the lines become."""
    cells = latency_cells(base, wide)
    rows = [list(cells)]
    for record in records:
        row = {**flat(record), **beside(record, base)}
        names = [of(row) for of in FILE.values()]
        timed = row["median_ms"] is not None
        rows.append([of(row) for of in cells.values()] if timed else [*names, _error(row, wide)])
    right = range(len(NAMES), len(cells))
    table = aligned(rows, right, None if wide else WIDTH)
    return [*table.splitlines(), *_notes(records, base)]


def _error(row: Row, wide: bool) -> str:
    """The error in place of figures; without the middle of a long one, unless ``wide``."""
    text = f"error: {row['error']}"
    return text if wide else shortened(text, LONGEST_ERROR)


def latency_cells(base: Record | None, wide: bool) -> Cells:
    """The columns of the table of latencies."""
    versus = f"vs {base.scheme}" if base else "vs float32"
    ratio: Cells = {versus: _ratio, "95 %": _interval}
    return {**FILE, **MEDIAN, **ratio, **(DETAILS if wide else {}), **MEMORY}


def _notes(records: Sequence[Record], base: Record | None) -> list[str]:
    if any(record.environment.emulated for record in records):
        return [f"{EMULATED}: the processor is; these times say nothing about any device"]
    if base is None:
        return []
    about = f"{base.artifact} in {base.result.runtime}"
    notes = [f"vs {base.scheme}: the median over that of {about}, with its 95 % interval"]
    if not all(took_turns(record, base) for record in records if record.result.samples_ns):
        notes.append(
            f"{APART}: took no turns with it, since memory did not hold all runners at once; what "
            "the device changed between the two is not in the interval"
        )
    return notes


class AccuracyTable:
    """Lines of accuracy, one by one, for rows of these (file, runtime) ``names``. ``wide``: every
    column."""

    def __init__(self, names: Iterable[tuple[str, str]], wide: bool = False) -> None:
        self._wide = wide
        self.cells: Cells = {**FILE, **ACCURACY, **(SOFTMAX if wide else {})}
        widest = WIDEST[: len(self.cells) - len(NAMES)]
        rows = [list(self.cells), *([*pair, *widest] for pair in names)]
        right = range(len(NAMES), len(self.cells))
        self._columns = Columns.fitting(rows, right, None if wide else WIDTH)

    @property
    def heading(self) -> str:
        return self._columns.line(list(self.cells))

    def line(self, record: Record) -> str:
        """The figures of ``record``, or the error in their place."""
        row = flat(record)
        if record.accuracy is None:
            names = [of(row) for of in FILE.values()]
            return self._columns.line([*names, _error(row, self._wide)])
        return self._columns.line([of(row) for of in self.cells.values()])


def _times(row: Row, name: str) -> str:
    mark = f" {EMULATED}" if row["emulated"] else ""
    return figure(row[name], ".2f") + mark


MARKDOWN: Cells = {
    "model": lambda row: row["model_id"],
    "device": lambda row: row["device"],
    **FILE,
    "threads": lambda row: str(row["threads"]),
    "median ms": lambda row: _times(row, "median_ms"),
    "±": precision,
    "p90 ms": lambda row: _times(row, "p90_ms"),
    "top-1": lambda row: percent(row["top1"]),
    "agreement": lambda row: percent(row["agreement"]),
    "images": lambda row: str(row["images"]),
    "warnings": lambda row: " ".join(row["warnings"]),
    "time (UTC)": lambda row: row["time_utc"],
}
OF_FAILED = ("model", "device", "file", "runtime", "warnings", "time (UTC)")


def markdown(records: Sequence[Record]) -> str:
    """A Markdown table, each row with what it was measured on and when."""
    lines = ["| " + " | ".join(MARKDOWN) + " |", "|" + " --- |" * len(MARKDOWN)]
    for row in map(flat, records):
        failed = row["median_ms"] is None
        texts = [
            "" if failed and name not in OF_FAILED else text(row) for name, text in MARKDOWN.items()
        ]
        if failed:
            texts[list(MARKDOWN).index("median ms")] = f"error: {row['error']}"
        lines.append("| " + " | ".join(map(markdown_text, texts)) + " |")
    return "\n".join(lines)
