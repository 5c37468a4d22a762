"""A record as one flat row of figures, which every table, JSON and CSV shows; or as a whole."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bench.measurement.comparable import relative
from bench.measurement.latency import latency
from bench.measurement.record import Record

# The names that figures had in earlier JSON, with those that they have now.
OLD_NAMES = {
    "bytes": "artifact_bytes",
    "delegated": "ops_in_delegate",
    "agreement_with_keras": "agreement",
    "caveats": "warnings",
    "times": "ratio",
    "times_low": "ratio_low",
    "times_high": "ratio_high",
    "times_of": "ratio_to",
    "times_in_turns": "ratio_in_turns",
}


def flat(record: Record) -> dict[str, Any]:
    """One value for each name: times in milliseconds, shares in [0, 1], None where not known.

    ``load_ms`` is opening the file alone, ``prepare_ms`` allocation (None: part of opening it),
    ``ready_ms`` their sum. ``precision`` is half the interval of the median as a share of it.
    ``images`` is how many it was evaluated on. ``outside_delegate`` has a count for each kind of
    operator, ``warnings`` their kinds.
    """
    result, delegate = record.result, record.result.delegate
    return {
        "id": record.id,
        "time_utc": record.time_utc,
        "kind": record.kind,
        "session": record.session,
        "commit": record.commit,
        "model_id": record.model_id,
        "artifact": record.artifact,
        "artifact_sha256": record.artifact_sha256,
        "artifact_bytes": record.artifact_bytes,
        "format": record.format,
        "scheme": record.scheme,
        "runtime": result.runtime,
        "runtime_version": result.runtime_version,
        "threads": result.threads,
        "device": record.device,
        "cpu_model": record.environment.cpu_model,
        "emulated": record.environment.emulated,
        **_latency(record),
        "load_ms": _in_ms(result.load_ns),
        "prepare_ms": _in_ms(result.prepare_ns),
        "ready_ms": _in_ms(result.load_ns and result.load_ns + (result.prepare_ns or 0)),
        "first_inference_ms": _in_ms(result.first_inference_ns),
        "peak_rss_bytes": result.peak_rss_bytes,
        "ops_in_delegate": delegate.inside if delegate else None,
        "ops_outside": sum(delegate.outside.values()) if delegate else None,
        "outside_delegate": delegate.outside if delegate else None,
        "data": record.data,
        **_accuracy(record),
        "warnings": [warning.kind for warning in record.warnings],
        "error": str(result.error) if result.error else None,
        "command": record.command,
    }


def beside(record: Record, base: Record | None) -> dict[str, Any]:
    """The ratio of the record's median to that of ``base``, with its 95 % interval; all None where
    there is none."""
    found = relative(record, base) if base else None
    return {
        "ratio": found.ratio.value if found else None,
        "ratio_low": found.ratio.interval.low if found else None,
        "ratio_high": found.ratio.interval.high if found else None,
        "ratio_to": f"{base.artifact} {base.result.runtime}" if found else None,
        "ratio_in_turns": found.in_turns if found else None,
    }


def as_json(record: Record, base: Record | None = None) -> dict[str, Any]:
    """The flat row with its ratio to ``base``, the batteries, and each old name of a figure."""
    batteries = [asdict(battery) for battery in record.result.batteries]
    return with_old_names({**flat(record), **beside(record, base), "batteries": batteries})


def with_old_names(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """``row`` with those old ``names`` (none given: all) of what it has."""
    asked = names or tuple(OLD_NAMES)
    return {**row, **{old: row[OLD_NAMES[old]] for old in asked if OLD_NAMES[old] in row}}


def whole(record: Record, samples: bool) -> dict[str, Any]:
    """Every field of the record, and the figures of its samples as "latency"; the raw samples and
    turns themselves only where ``samples``."""
    warm = latency(record.result.samples_ns, record.result.turns)
    kept = record if samples else replace(record, result=_without_samples(record))
    made = with_old_names(asdict(kept), "caveats")
    if not samples:
        del made["result"]["samples_ns"], made["result"]["turns"]
    return {**made, "latency": asdict(warm) if warm else None}


def _without_samples(record: Record) -> Any:
    return replace(record.result, samples_ns=(), turns=())


def _latency(record: Record) -> dict[str, float | int | None]:
    warm = latency(record.result.samples_ns, record.result.turns)
    figures = ("median", "p10", "p90", "p99", "min", "mad")
    return {
        "samples": warm.n if warm else 0,
        **{f"{name}_ms": _in_ms(getattr(warm, f"{name}_ns")) if warm else None for name in figures},
        "median_low_ms": _in_ms(warm.interval.low) if warm else None,
        "median_high_ms": _in_ms(warm.interval.high) if warm else None,
        "precision": warm.precision if warm else None,
    }


def _accuracy(record: Record) -> dict[str, float | int | None]:
    found = record.accuracy
    figures = ("correct", "top1", "top5", "agreement", "sqnr_db", "cosine")
    figures += ("mean_softmax_change", "worst_softmax_change")
    return {
        "images": found.images if found else 0,
        **{name: getattr(found, name) if found else None for name in figures},
    }


def _in_ms(time_ns: float | None) -> float | None:
    return None if time_ns is None else time_ns / 1e6
