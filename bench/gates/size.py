"""The gates of size and memory: bytes of a file, and the most that its process held."""

from collections.abc import Mapping

from bench.gates.verdict import CANNOT_TELL, FAILED, PASSED, SKIPPED, Row
from bench.measurement.record import Record
from quantize.methods.limits import Limits
from quantize.schemes.scheme import FLOATS

MIB = 2**20


def check(records: Mapping[str, Record], limits: Limits) -> list[Row]:
    """Rows for files of integers against float32 of their format, and of all against max_mib;
    ``records`` of one run, by file name."""
    floats = {scheme.name for scheme in FLOATS}
    rows = []
    for record in records.values():
        float32 = records.get(f"float32.{record.format}")
        if record.scheme not in floats and float32:
            rows += [
                _ratio("size", record, record.artifact_bytes, float32.artifact_bytes,
                       limits.max_size_ratio),
                _ratio("memory", record, record.result.peak_rss_bytes,
                       float32.result.peak_rss_bytes, limits.max_memory_ratio),
            ]  # fmt: skip
        rows.append(_memory_mib(record, limits.max_memory_mib))
    found = [row for row in rows if row]
    return sorted(found, key=lambda row: row.gate != "size")  # first all sizes, then memory


def _ratio(
    gate: str, record: Record, size: int | None, of_float32: int | None, at_most: float | None
) -> Row | None:
    if at_most is None:
        return None
    limit = f"at most {at_most:g} of float32"
    if gate == "memory" and record.environment.emulated:
        return _emulated(record, limit)
    if size is None or of_float32 is None:
        return _not_told(gate, record, limit)
    ratio = size / of_float32
    unit, shown = ("KB", 1000) if gate == "size" else ("MiB", MIB)
    return Row(
        gate,
        record.artifact,
        record.result.runtime,
        PASSED if ratio <= at_most else FAILED,
        f"{ratio:.2f} of float32",
        limit,
        f"{size / shown:,.0f} {unit} against {of_float32 / shown:,.0f}",
        {"bytes": size, "float32_bytes": of_float32, "ratio": ratio, "max_ratio": at_most},
    )


def _memory_mib(record: Record, at_most_mib: float | None) -> Row | None:
    if at_most_mib is None:
        return None
    limit, peak_bytes = f"at most {at_most_mib:g} MiB", record.result.peak_rss_bytes
    if record.environment.emulated:
        return _emulated(record, limit)
    if peak_bytes is None:
        return _not_told("memory", record, limit)
    return Row(
        "memory",
        record.artifact,
        record.result.runtime,
        PASSED if peak_bytes <= at_most_mib * MIB else FAILED,
        f"{peak_bytes / MIB:.1f} MiB",
        limit,
        figures={"bytes": peak_bytes, "max_mib": at_most_mib},
    )


def _emulated(record: Record, limit: str) -> Row:
    detail = "emulated: the emulator's own memory is in it"
    return Row("memory", record.artifact, record.result.runtime, SKIPPED, "", limit, detail)


def _not_told(gate: str, record: Record, limit: str) -> Row:
    detail = f"{record.device} does not tell; leave this limit out of gate.toml"
    return Row(
        gate, record.artifact, record.result.runtime, CANNOT_TELL, limit=limit, detail=detail
    )
