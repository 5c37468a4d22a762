"""The limits of ``export.toml`` by which files are verified."""

from dataclasses import dataclass
from pathlib import Path

from quantize.methods import settings

SECTION = "verification"
LOWEST_HIGHEST = {
    "max_float32_error": (0.0, 1.0),
    "rounding_factor": (0.0, 1000.0),
    "max_float16_excess_db": (0.0, 1000.0),
    "max_int8_excess_db": (0.0, 1000.0),
}


@dataclass(frozen=True)
class Limits:
    """``max_float32_error``: the largest difference of a float32 file from Keras, over the largest
    output. ``rounding_factor``: or so many times what float32's rounding alone makes of it.
    ``max_float16_excess_db``: the noise of a float16 file, above that of its weights' rounding.
    ``max_int8_excess_db``: that of an integer .onnx file, above that of the same .tflite file.
    """

    max_float32_error: float = 1e-4
    rounding_factor: float = 4.0
    max_float16_excess_db: float = 6.0
    max_int8_excess_db: float = 10.0


def read_limits(folder: Path = Path()) -> Limits:
    """The limits of ``folder``'s export.toml; RequestError for what is no number in range."""
    path = folder / settings.SETTINGS_FILE
    found = settings.section(path, settings.tables(path), SECTION, Limits, LOWEST_HIGHEST)
    return Limits(**found)
