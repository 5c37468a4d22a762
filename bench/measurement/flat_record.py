"""A record as programs read it: one flat row of figures, or all of it."""

from dataclasses import asdict, replace
from typing import Any

from bench.measurement.latency import latency
from bench.measurement.record import Record


def flat(record: Record) -> dict[str, Any]:
    """One value a column: times in milliseconds, shares in [0, 1], None where not known."""
    result, accuracy, delegate = record.result, record.accuracy, record.result.delegate
    own = ("id", "time_utc", "kind", "session", "commit", "model_id", "artifact")
    own += ("artifact_sha256", "artifact_bytes", "format", "scheme")
    times = ("load_ns", "prepare_ns", "first_inference_ns")
    judged = ("correct", "top1", "top5", "agreement", "sqnr_db", "cosine")
    judged += ("mean_softmax_change", "worst_softmax_change")
    return {
        **{name: getattr(record, name) for name in own},
        "runtime": result.runtime,
        "runtime_version": result.runtime_version,
        "threads": result.threads,
        "device": record.device,
        "cpu_model": record.environment.cpu_model,
        "emulated": record.environment.emulated,
        **latency_ms(record),
        **{f"{name.removesuffix('_ns')}_ms": in_ms(getattr(result, name)) for name in times},
        "peak_rss_bytes": result.peak_rss_bytes,
        "ops_in_delegate": delegate.inside if delegate else None,
        "ops_outside": sum(delegate.outside.values()) if delegate else None,
        "data": record.data,
        "images": accuracy.images if accuracy else None,
        **{name: getattr(accuracy, name) if accuracy else None for name in judged},
        **{name: " ".join(kinds) for name, kinds in warning_kinds(record).items()},
        "error": str(result.error) if result.error else None,
        "command": record.command,
    }


def whole(record: Record, samples: bool) -> dict[str, Any]:
    """Every field of the record, and the figures of its samples as "latency"; the raw samples and
    turns themselves only where ``samples``."""
    warm = latency(record.result.samples_ns, record.result.turns)
    kept = record if samples else replace(record, result=_without_samples(record))
    made = asdict(kept)
    if not samples:
        del made["result"]["samples_ns"], made["result"]["turns"]
    made["caveats"] = made["warnings"]  # their name in earlier output
    return {**made, "latency": asdict(warm) if warm else None}


def _without_samples(record: Record) -> Any:
    return replace(record.result, samples_ns=(), turns=())


def latency_ms(record: Record) -> dict[str, float | int | None]:
    """The figures of its samples, as a program reads them."""
    warm = latency(record.result.samples_ns, record.result.turns)
    figures = ("median", "p10", "p90", "p99", "min", "mad")
    return {
        "samples": warm.n if warm else 0,
        **{f"{name}_ms": in_ms(getattr(warm, f"{name}_ns")) if warm else None for name in figures},
        "median_low_ms": in_ms(warm.interval.low) if warm else None,
        "median_high_ms": in_ms(warm.interval.high) if warm else None,
    }


def warning_kinds(record: Record) -> dict[str, list[str]]:
    """The kinds of its warnings, under their name and the one they had in earlier output."""
    kinds = [warning.kind for warning in record.warnings]
    return {"warnings": kinds, "caveats": kinds}


def in_ms(time_ns: float | None) -> float | None:
    return None if time_ns is None else time_ns / 1e6
