"""The limits a user sets in gate.toml: what int8 may cost."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from models.errors import RequestError

GATE_FILE = Path("gate.toml")


@dataclass(frozen=True)
class Limits:
    """``max_drop_points``: percentage points of top-1 that int8 may lose against float32.

    ``min_sqnr_db``: signal-to-quantization-noise ratio of the outputs at which the search for a
    better int8 ends. ``max_latency_ratio``: how many times the latency of an int8 file without
    float layers one with some may have; 1 allows none.
    """

    max_drop_points: float
    min_sqnr_db: float = 30.5
    max_latency_ratio: float = 1.0


@dataclass(frozen=True)
class _Key:
    """Where a limit is in the file, and which numbers it may be."""

    section: str
    name: str
    lowest: float
    highest: float
    example: str

    def __str__(self) -> str:
        return f"{self.section}.{self.name}"


KEYS = (
    _Key("accuracy", "max_drop_points", 0, 100, "[accuracy] max_drop_points = 1.0"),
    _Key("int8", "min_sqnr_db", -100, 1000, "[int8] min_sqnr_db = 30.5"),
    _Key("int8", "max_latency_ratio", 1, 10, "[int8] max_latency_ratio = 1.1"),
)
EXAMPLE = ", ".join(key.example for key in KEYS)


def read_limits(path: Path = GATE_FILE) -> Limits:
    """The limits in ``path``; RequestError where it has anything else, or not all of them."""
    try:
        raw = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise RequestError(f"there is no {path}; write one with: {EXAMPLE}") from None
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{path} cannot be read as TOML ({error}); expected {EXAMPLE}"
        ) from error
    found = {
        (f"{section}.{name}" if isinstance(values, dict) else section): value
        for section, values in raw.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    }
    known = [str(key) for key in KEYS]
    unknown = [name for name in found if name not in known]
    if unknown:
        raise RequestError(f"{path} has {', '.join(unknown)}; known is: {EXAMPLE}")
    required = KEYS[0]
    if str(required) not in found:
        raise RequestError(f"{path} has no {required}; expected {required.example}")
    given = [key for key in KEYS if str(key) in found]
    return Limits(**{key.name: _number(path, key, found[str(key)]) for key in given})


def read_min_sqnr_db(path: Path = GATE_FILE) -> float:
    """What int8 is to reach: by ``path``, or the default where there is no such file."""
    return read_limits(path).min_sqnr_db if path.exists() else Limits.min_sqnr_db


def read_max_latency_ratio(path: Path = GATE_FILE) -> float:
    """What float layers may cost: by ``path``, or the default where there is no such file."""
    return read_limits(path).max_latency_ratio if path.exists() else Limits.max_latency_ratio


def _number(path: Path, key: _Key, value) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not key.lowest <= value <= key.highest:
        raise RequestError(
            f"{path} has {key.name} = {value!r}; expected a number from {key.lowest} to "
            f"{key.highest}"
        )
    return float(value)
