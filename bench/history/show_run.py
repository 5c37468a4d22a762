"""``bench show ID``: everything that the history has about one run."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bench.console.columns import aligned
from bench.console.record_table import NOT_KNOWN, percent
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.latency import latency
from bench.measurement.record import Record

PROFILED = 10
EMULATED = ", of an emulated processor: they mean nothing"
STATES = 12
SECTION = tuple[str, list[tuple[str, ...]]]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("ID", type=int, help="id of a run, as bench list shows it")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    parser.add_argument("--samples", action="store_true", help="raw samples too, as JSON")


def run(namespace: Namespace, typed: str) -> None:
    """Print the run; RequestError for an unknown id."""
    record = History().get(namespace.ID)
    if namespace.json or namespace.samples:
        print(json.dumps(flat_record.whole(record, namespace.samples), indent=2))
    else:
        print("\n\n".join(_sections(record)))


def _sections(record: Record) -> Iterator[str]:
    about = f"run {record.id}: {record.artifact} of {record.model_id} in {record.result.runtime}"
    tables: list[SECTION] = [
        (f"{about} on {record.device}", _about(record)),
        ("times" + (EMULATED if record.environment.emulated else ""), _times(record)),
        ("accuracy", _accuracy(record)),
        ("classes whose count of right answers changed", _classes(record)),
        ("images whose answer changed", _flips(record)),
        ("device", _device(record)),
        ("plan", [(n, _shown(v)) for n, v in asdict(record.plan).items()] if record.plan else []),
        (f"states of the machine, at most {STATES}", _states(record)),
        ("battery, before and behind", _batteries(record)),
        (f"most expensive operators, at most {PROFILED}", _profile(record)),
        ("warnings", [(c.kind, c.message, c.advice) for c in record.warnings]),
    ]
    for heading, rows in tables:
        if rows:
            yield f"{heading}\n" + "\n".join(f"  {row}" for row in aligned(rows).splitlines())


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
    result, warm = record.result, latency(record.result.samples_ns, record.result.turns)
    rows: list[tuple[str, ...]] = []
    if warm:
        low, high = warm.interval.low / 1e6, warm.interval.high / 1e6
        rows += [
            ("median ms", f"{warm.median_ns / 1e6:.4f} (95 %: {low:.4f} to {high:.4f})"),
            *(
                (name, f"{value / 1e6:.4f}")
                for name, value in {
                    "p10 ms": warm.p10_ns,
                    "p90 ms": warm.p90_ns,
                    "p99 ms": warm.p99_ns,
                    "min ms": warm.min_ns,
                    "median absolute deviation ms": warm.mad_ns,
                }.items()
            ),
            ("inferences", f"{warm.n} in {len(result.turns)} turns"),
        ]
    for name, time_ns in {
        "first inference ms": result.first_inference_ns,
        "load ms": result.load_ns,
        "prepare ms": result.prepare_ns,
    }.items():
        rows.append((name, NOT_KNOWN if time_ns is None else f"{time_ns / 1e6:.3f}"))
    settled = {True: "settled", False: "not settled", None: NOT_KNOWN}[result.warmup_stable]
    rows += [
        ("warm-up inferences", f"{_shown(result.warmup_runs)}, {settled}"),
        ("peak memory bytes", _shown(result.peak_rss_bytes)),
        ("processor time of others", percent(result.others_share)),
        ("processor time stolen", percent(result.stolen_share)),
    ]
    delegate = result.delegate
    if delegate:
        outside = ", ".join(f"{n} {kind}" for kind, n in delegate.outside.items()) or "none"
        inside = f"{delegate.inside} in {delegate.pieces} pieces"
        rows += [("operators in the delegate", inside), ("operators outside it", outside)]
    return rows


def _accuracy(record: Record) -> list[tuple[str, ...]]:
    judged = record.accuracy
    if judged is None:
        return []
    plain = ("sqnr_db", "cosine", "mean_softmax_change", "worst_softmax_change")
    return [
        ("images", f"{judged.images} of {_shown(record.data)}"),
        ("top-1", percent(judged.top1)),
        ("top-5", percent(judged.top5)),
        ("agreement with Keras", percent(judged.agreement)),
        *((name, _shown(getattr(judged, name))) for name in plain),
    ]


def _classes(record: Record) -> list[tuple[str, ...]]:
    rows = record.accuracy.classes if record.accuracy else ()
    heading = ("label", "name", "images", "Keras right", "file right")
    return _with_heading(
        heading, [(r.label, r.name, r.images, r.keras_correct, r.correct) for r in rows]
    )


def _flips(record: Record) -> list[tuple[str, ...]]:
    rows = record.accuracy.flips if record.accuracy else ()
    heading = ("index", "image", "label", "Keras said", "the file said", "Keras' certainty")
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
        (s.at_s, s.load_average, s.governors, s.frequency_khz, s.temperature_c, _flags(s.throttled))
        for s in (states[position] for position in chosen)
    ]
    heading = ("at s", "load", "governors", "frequency kHz", "temperature C", "throttled")
    return _with_heading(heading, rows)


def _batteries(record: Record) -> list[tuple[str, ...]]:
    rows = [
        (b.level_percent, "no" if b.charging == "" else b.charging, b.temperature_c, b.thermal_word)
        for b in record.result.batteries
    ]
    return _with_heading(("level %", "charging", "temperature C", "thermal status"), rows)


def _flags(throttled: int | None) -> str | None:
    """As the Raspberry Pi's own documentation has them."""
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
