"""Records as lines of figures: two plain tables, Markdown, JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from bench.measurement.comparable import Relative, relative, took_turns
from bench.measurement.flat_record import in_ms, latency_ms, warning_kinds
from bench.measurement.latency import latency
from bench.measurement.record import Record
from bench.measurement.result import Result

NOT_KNOWN = "n/a"
EMULATED = "(emulated)"
APART = "*"
LATENCY = (
    ("artifact", 22),
    ("runtime", 18),
    ("median ms", 9),
    ("±", 5),
    ("p10", 7),
    ("p90", 7),
    ("p99", 7),
    ("first", 7),
    ("load", 7),
    ("n", 6),
    ("MiB", 5),
    ("delegated", 9),
    ("times", 7),
    ("95 %", 12),
)
ACCURACY = (
    ("artifact", 22),
    ("runtime", 18),
    ("images", 6),
    ("top-1", 7),
    ("top-5", 7),
    ("as Keras", 8),
    ("SQNR dB", 7),
    ("cosine", 8),
    ("mean change", 11),
    ("worst", 6),
)


def header(columns: Sequence[tuple[str, int]]) -> str:
    return line(columns, [name for name, _ in columns])


def line(columns: Sequence[tuple[str, int]], cells: Sequence[str]) -> str:
    """Cells in columns, the first two to the left; a row that is short (an error) just ends."""
    aligned = [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, (_, width)) in enumerate(zip(cells, columns, strict=False))
    ]
    return "  ".join(aligned).rstrip()


def latency_row(record: Record, base: Record | None) -> str:
    """One line of LATENCY: the figures, or the error in their place. "times": its median over that
    of ``base``, with its interval; ``notes_on_latency`` explains the marks there."""
    names = [record.artifact, record.result.runtime]
    warm = latency(record.result.samples_ns, record.result.turns)
    if warm is None:
        return line(LATENCY, names) + f"  error: {record.result.error}"
    return line(
        LATENCY,
        [
            *names,
            _ms(warm.median_ns),
            f"{warm.precision:.1%}",
            *(_ms(ns) for ns in (warm.p10_ns, warm.p90_ns, warm.p99_ns)),
            _ms(record.result.first_inference_ns),
            _ms(_load_ns(record.result)),
            str(warm.n),
            _mebibytes(record.result.peak_rss_bytes),
            _delegated(record.result),
            *_times(record, base),
        ],
    )


def _times(record: Record, base: Record | None) -> tuple[str, str]:
    if record.environment.emulated:
        return "", EMULATED
    if record is base:
        return "1", ""
    found = relative(record, base) if base else None
    if found is None:
        return NOT_KNOWN, ""
    interval = found.ratio.interval
    mark = "" if found.in_turns else APART
    return f"{found.ratio.value:.2f}{mark}", f"{interval.low:.2f} to {interval.high:.2f}"


def notes_on_latency(records: Sequence[Record], base: Record | None) -> list[str]:
    """Lines that belong under latency rows: what "times" is, and what the marks mean."""
    if any(record.environment.emulated for record in records):
        return [f"{EMULATED}: the processor is; these times say nothing of any device"]
    if base is None:
        return []
    notes = [f"times: the median over that of {base.artifact} in {base.result.runtime}"]
    if not all(took_turns(record, base) for record in records if record.result.samples_ns):
        notes.append(
            f"{APART}: took no turns with it, since memory did not hold all runners at once; what "
            "the device changed between the two is not in the interval"
        )
    return notes


def accuracy_row(record: Record) -> str:
    """One line of ACCURACY."""
    names, found = [record.artifact, record.result.runtime], record.accuracy
    if found is None:
        return line(ACCURACY, names) + f"  error: {record.result.error}"
    return line(
        ACCURACY,
        [
            *names,
            str(found.images),
            *(percent(share) for share in (found.top1, found.top5, found.agreement)),
            _figure(found.sqnr_db, ".1f"),
            _figure(found.cosine, ".6f"),
            _figure(found.mean_softmax_change, ".4f"),
            _figure(found.worst_softmax_change, ".2f"),
        ],
    )


def percent(share: float | None) -> str:
    return NOT_KNOWN if share is None else f"{100 * share:.2f}%"


def markdown(records: Sequence[Record]) -> str:
    """A Markdown table, each row with what it was measured on and when."""
    names = ["model", "device", "artifact", "runtime", "threads", "median ms", "±", "p90 ms"]
    names += ["top-1", "as Keras", "images", "warnings", "time (UTC)"]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for record in records:
        cells = [record.model_id, record.device, record.artifact, record.result.runtime]
        warm = latency(record.result.samples_ns, record.result.turns)
        if warm is None:
            cells += ["", f"error: {record.result.error}", *[""] * 5]
        else:
            found = record.accuracy
            mark = f" {EMULATED}" if record.environment.emulated else ""
            cells += [str(record.result.threads), _ms(warm.median_ns) + mark]
            cells += [
                f"{warm.precision:.1%}",
                _ms(warm.p90_ns) + mark,
                percent(found and found.top1),
            ]
            cells += [percent(found and found.agreement), str(found.images if found else 0)]
        cells += [" ".join(warning.kind for warning in record.warnings), record.time_utc]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def as_dict(record: Record, base: Record | None = None) -> dict:
    """The row as a program reads it: times in milliseconds, shares in [0, 1], None: not known."""
    result, accuracy = record.result, record.accuracy
    found = relative(record, base) if base else None
    return {
        "id": record.id,
        "session": record.session,
        "kind": record.kind,
        "model_id": record.model_id,
        "device": record.device,
        "artifact": record.artifact,
        "format": record.format,
        "scheme": record.scheme,
        "bytes": record.artifact_bytes,
        "runtime": result.runtime,
        "runtime_version": result.runtime_version,
        "threads": result.threads,
        "load_ms": in_ms(_load_ns(result)),
        "first_inference_ms": in_ms(result.first_inference_ns),
        **latency_ms(record),
        "emulated": record.environment.emulated,
        **_ratio_dict(found, base),
        "peak_rss_bytes": result.peak_rss_bytes,
        "delegated": result.delegate and result.delegate.inside,
        "outside_delegate": result.delegate and result.delegate.outside,
        "data": record.data,
        "images": accuracy.images if accuracy else 0,
        "top1": accuracy and accuracy.top1,
        "top5": accuracy and accuracy.top5,
        "agreement_with_keras": accuracy and accuracy.agreement,
        "sqnr_db": accuracy and accuracy.sqnr_db,
        "cosine": accuracy and accuracy.cosine,
        "mean_softmax_change": accuracy and accuracy.mean_softmax_change,
        "worst_softmax_change": accuracy and accuracy.worst_softmax_change,
        "batteries": [asdict(battery) for battery in result.batteries],
        **warning_kinds(record),
        "error": str(result.error) if result.error else None,
        "time_utc": record.time_utc,
    }


def _ratio_dict(found: Relative | None, base: Record | None) -> dict:
    return {
        "times": found and found.ratio.value,
        "times_low": found and found.ratio.interval.low,
        "times_high": found and found.ratio.interval.high,
        "times_of": found and f"{base.artifact} {base.result.runtime}",
        "times_in_turns": found and found.in_turns,
    }


def _load_ns(result: Result) -> int | None:
    return result.load_ns and result.load_ns + (result.prepare_ns or 0)


def _delegated(result: Result) -> str:
    found = result.delegate
    return "-" if found is None else f"{found.inside}/{found.inside + sum(found.outside.values())}"


def _mebibytes(size: int | None) -> str:
    return NOT_KNOWN if size is None else f"{size / 2**20:.0f}"


def _figure(value: float | None, form: str) -> str:
    return NOT_KNOWN if value is None else format(value, form)


def _ms(time_ns: float | None) -> str:
    return NOT_KNOWN if time_ns is None else f"{time_ns / 1e6:.2f}"
