"""The float32 file that others of its format are compared with."""

from collections.abc import Mapping

from bench.measurement.record import Record
from quantize.schemes.scheme import FLOAT32


def float32_of(file_format: str, records: Mapping[str, Record]) -> Record | None:
    """The first among the ``records`` of one run; None where there is none."""
    alike = (one for one in records.values() if one.format == file_format)
    return next((one for one in alike if one.scheme == FLOAT32.name), None)
