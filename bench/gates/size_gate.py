"""The gates of size and memory: bytes of a file, and the peak memory of its process."""

from collections.abc import Mapping

from bench.gates.float32_of import float32_of
from bench.gates.limits import Limits
from bench.gates.verdict import FAILED, INCONCLUSIVE, PASSED, SKIPPED, Verdict
from bench.measurement.record import Record
from quantize.schemes.scheme import FLOATS

MIB = 2**20


def check(records: Mapping[str, Record], limits: Limits) -> list[Verdict]:
    """Verdicts on quantized files against float32 of their format, and on all against max_mib;
    ``records`` of one run, by file name."""
    floats = {scheme.name for scheme in FLOATS}
    found = []
    for record in records.values():
        float32 = float32_of(record.format, records)
        if record.scheme not in floats and float32:
            found += [
                _size(record, float32, limits.max_size_ratio),
                _memory(record, float32, limits.max_memory_ratio),
            ]
        found.append(_memory_mib(record, limits.max_memory_mib))
    verdicts = [verdict for verdict in found if verdict]
    return sorted(verdicts, key=lambda one: one.gate != "size")  # first all sizes, then memory


def _size(record: Record, float32: Record, at_most: float | None) -> Verdict | None:
    if at_most is None:
        return None
    return _ratio(
        "size", record, record.artifact_bytes, float32.artifact_bytes, at_most, "KB", 1000
    )


def _memory(record: Record, float32: Record, at_most: float | None) -> Verdict | None:
    if at_most is None:
        return None
    if record.environment.emulated:
        return _emulated(record, _at_most(at_most))
    peak, of_float32 = record.result.peak_rss_bytes, float32.result.peak_rss_bytes
    return _ratio("memory", record, peak, of_float32, at_most, "MiB", MIB)


def _ratio(
    gate: str,
    record: Record,
    size: int | None,
    of_float32: int | None,
    at_most: float,
    unit: str,
    unit_bytes: int,
) -> Verdict:
    if size is None or of_float32 is None:
        return _unknown(gate, record, _at_most(at_most))
    ratio = size / of_float32
    return Verdict.on(
        record,
        gate=gate,
        outcome=PASSED if ratio <= at_most else FAILED,
        found=f"{ratio:.2f} of float32",
        limit=_at_most(at_most),
        detail=f"{size / unit_bytes:,.0f} {unit} against {of_float32 / unit_bytes:,.0f}",
        figures={"bytes": size, "float32_bytes": of_float32, "ratio": ratio, "max_ratio": at_most},
    )


def _at_most(ratio: float) -> str:
    return f"at most {ratio:g} of float32"


def _memory_mib(record: Record, at_most_mib: float | None) -> Verdict | None:
    if at_most_mib is None:
        return None
    limit, peak_bytes = f"at most {at_most_mib:g} MiB", record.result.peak_rss_bytes
    if record.environment.emulated:
        return _emulated(record, limit)
    if peak_bytes is None:
        return _unknown("memory", record, limit)
    return Verdict.on(
        record,
        gate="memory",
        outcome=PASSED if peak_bytes <= at_most_mib * MIB else FAILED,
        found=f"{peak_bytes / MIB:.1f} MiB",
        limit=limit,
        figures={"bytes": peak_bytes, "max_mib": at_most_mib},
    )


def _emulated(record: Record, limit: str) -> Verdict:
    detail = "emulated: the emulator's own memory is included"
    return Verdict.on(record, gate="memory", outcome=SKIPPED, limit=limit, detail=detail)


def _unknown(gate: str, record: Record, limit: str) -> Verdict:
    detail = f"not known on {record.device}; leave this limit out of gate.toml"
    return Verdict.on(record, gate=gate, outcome=INCONCLUSIVE, limit=limit, detail=detail)
