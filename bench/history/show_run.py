"""``bench show ID``: everything that the history has about one run."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bench.console.output import add_layout
from bench.console.record_table import NOT_KNOWN, figure, percent
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.record import Record
from models.command_line.columns import WIDTH, aligned
from models.command_line.numbers import whole_number
from models.command_line.printable import printable

PROFILED = 10
EMULATED = ", of an emulated processor: they mean nothing"
STATES = 12
NAME_AND_VALUE = 2  # columns of a section that is no table
SECTION = tuple[str, list[tuple[str, ...]]]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("ID", type=whole_number("ID"), help="id of a run; make list shows them")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    parser.add_argument("--samples", action="store_true", help="JSON with the raw samples")
    add_layout(parser)


def run(namespace: Namespace, typed: str) -> None:
    """Print the run; RequestError for an unknown id."""
    record = History().get(namespace.ID)
    if namespace.json or namespace.samples:
        print(json.dumps(flat_record.whole(record, namespace.samples), indent=2))
    else:
        print("\n\n".join(_sections(record, namespace.wide)))


def _sections(record: Record, wide: bool) -> Iterator[str]:
    about = f"run {record.id}: {record.artifact} of {record.model_id} in {record.result.runtime}"
    tables: list[SECTION] = [
        (f"{about} on {record.device}", _about(record)),
        ("times" + (EMULATED if record.environment.emulated else ""), _times(record)),
        ("accuracy", _accuracy(record)),
        ("classes whose count of right predictions changed", _classes(record)),
        ("images whose prediction changed", _flips(record)),
        ("device", _device(record)),
        ("plan", [(n, _shown(v)) for n, v in asdict(record.plan).items()] if record.plan else []),
        (f"states of the machine, at most {STATES}", _states(record)),
        ("battery, before and after", _batteries(record)),
        (f"most expensive operators, at most {PROFILED}", _profile(record)),
        ("warnings", [(one.kind, str(one)) for one in record.warnings]),
    ]
    for heading, rows in tables:
        if rows:
            sentences = len(rows[0]) == NAME_AND_VALUE
            table = aligned(rows, (), None if wide else WIDTH, "  ", wrap=sentences)
            yield f"{printable(heading)}\n{table}"


def _about(record: Record) -> list[tuple[str, ...]]:
    result = record.result
    rows = [
        ("command", record.command),
        ("time (UTC)", record.time_utc),
        ("kind", record.kind),
        ("session", record.session),
        ("group that took turns", _shown(result.turn_group)),
        ("commit", _shown(record.commit)),
        ("file", f"{record.format}, {record.scheme}, {_shown(record.artifact_bytes)} bytes"),
        ("SHA-256", record.artifact_sha256),
        ("runtime", f"{result.runtime} {_shown(result.runtime_version)}"),
        ("threads asked for", _shown(result.threads)),
        ("threads there were", _shown(result.os_threads)),
        ("cores allowed", _shown(result.affinity)),
    ]
    return [*rows, ("error", str(result.error))] if result.error else rows


def _times(record: Record) -> list[tuple[str, ...]]:
    """Latency, what came before it, and what it cost and suffered."""
    result, row = record.result, flat_record.flat(record)
    rows: list[tuple[str, ...]] = []
    if row["samples"]:
        low, high = row["median_low_ms"], row["median_high_ms"]
        rows += [
            ("median ms", f"{row['median_ms']:.4f} (95 %: {low:.4f} to {high:.4f})"),
            *((f"{name} ms", f"{row[f'{name}_ms']:.4f}") for name in ("p10", "p90", "p99", "min")),
            ("median absolute deviation ms", f"{row['mad_ms']:.4f}"),
            ("inferences", f"{row['samples']} in {len(result.turns)} turns"),
        ]
    rows += [
        ("first inference ms", figure(row["first_inference_ms"], ".3f")),
        ("load ms", figure(row["load_ms"], ".3f")),
        ("prepare ms", figure(row["prepare_ms"], ".3f")),
        ("ready ms (both)", figure(row["ready_ms"], ".3f")),
    ]
    settled = {True: "settled", False: "not settled", None: NOT_KNOWN}[result.warmup_stable]
    rows += [
        ("warm-up inferences", f"{_shown(result.warmup_runs)}, {settled}"),
        ("peak memory bytes", _shown(result.peak_rss_bytes)),
        ("processor time of others", percent(result.others_share)),
        ("processor time stolen", percent(result.stolen_share)),
    ]
    if quota := result.cpu_quota:
        stopped = f"stopped it {quota.throttled_periods} times, {quota.throttled_ns / 1e9:.3f} s"
        rows += [("CPU quota", f"{quota.cores:g} cores, {quota.file}, {stopped}")]
    if result.unanswered:
        rows += [("did not answer", ", ".join(result.unanswered))]
    delegate = result.delegate
    if delegate:
        outside = ", ".join(f"{n} {kind}" for kind, n in delegate.outside.items()) or "none"
        inside = f"{delegate.inside} in {delegate.pieces} pieces"
        rows += [("operators in the delegate", inside), ("operators outside it", outside)]
    return rows


def _reference(record: Record) -> str:
    """The network that the predictions of ``record`` are compared with."""
    return "float32" if record.kind == "gate" else "Keras"


def _accuracy(record: Record) -> list[tuple[str, ...]]:
    found = record.accuracy
    if found is None:
        return []
    plain = ("sqnr_db", "cosine", "mean_softmax_change", "worst_softmax_change")
    return [
        ("images", f"{found.images} of {_shown(record.data)}"),
        ("top-1", percent(found.top1)),
        ("top-5", percent(found.top5)),
        (f"agreement with {_reference(record)}", percent(found.agreement)),
        *((name, _shown(getattr(found, name))) for name in plain),
    ]


def _classes(record: Record) -> list[tuple[str, ...]]:
    rows = record.accuracy.classes if record.accuracy else ()
    heading = ("label", "name", "images", f"{_reference(record)} right", "file right")
    return _with_heading(
        heading, [(r.label, r.name, r.images, r.keras_correct, r.correct) for r in rows]
    )


def _flips(record: Record) -> list[tuple[str, ...]]:
    rows = record.accuracy.flips if record.accuracy else ()
    reference = _reference(record)
    heading = ("index", "image", "label", reference, "file", f"certainty of {reference}")
    return _with_heading(
        heading, [(r.index, r.item, r.label, r.keras, r.said, r.certainty) for r in rows]
    )


def _device(record: Record) -> list[tuple[str, ...]]:
    return [(name, _shown(value)) for name, value in asdict(record.environment).items()]


def _states(record: Record) -> list[tuple[str, ...]]:
    """The first, the last, and some between where there are many."""
    states, n = record.result.states, len(record.result.states)
    chosen = sorted({step * (n - 1) // (STATES - 1) for step in range(STATES)}) if n else []
    rows = [
        (s.at_s, s.load_average, s.governors, mhz, s.temperature_c, _flags(s.throttled))
        for s, mhz in ((states[n], _mhz(states[n].frequency_khz)) for n in chosen)
    ]
    heading = ("at s", "load", "governors", "frequency MHz", "temperature C", "throttled")
    return _with_heading(heading, rows)


def _batteries(record: Record) -> list[tuple[str, ...]]:
    rows = [
        (b.level_percent, "no" if b.charging == "" else b.charging, b.temperature_c, b.thermal_word)
        for b in record.result.batteries
    ]
    return _with_heading(("level %", "charging", "temperature C", "thermal status"), rows)


def _mhz(frequency_khz: Sequence[int]) -> tuple[int | str, ...]:
    """Of core n at place n."""
    return tuple(round(khz / 1000) or "-" for khz in frequency_khz)


def _flags(throttled: int | None) -> str | None:
    """The flags in hexadecimal, the form that the Raspberry Pi's documentation has."""
    return None if throttled is None else hex(throttled)


def _profile(record: Record) -> list[tuple[str, ...]]:
    dearest = sorted(record.result.profile, key=lambda op: op.mean_ns, reverse=True)[:PROFILED]
    total_ns = sum(op.mean_ns for op in record.result.profile)
    where = {True: "yes", False: "no", None: NOT_KNOWN}
    return _with_heading(
        ("operator", "kind", "mean ms", "share", "in the delegate"),
        [
            (
                op.name,
                op.kind,
                f"{op.mean_ns / 1e6:.4f}",
                percent(op.mean_ns / total_ns if total_ns else None),
                where[op.delegated],
            )
            for op in dearest
        ],
    )


def _with_heading(
    heading: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> list[tuple[str, ...]]:
    return [heading, *(tuple(map(_shown, row)) for row in rows)] if rows else []


def _shown(value: Any) -> str:
    """A value as text; n/a for what is not known."""
    if value is None or value == () or value == {}:
        return NOT_KNOWN
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {of}" for name, of in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)
