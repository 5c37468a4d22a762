"""The limits a user sets in gate.toml."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from models.errors import RequestError

GATE_FILE = Path("gate.toml")
EXAMPLE = "[accuracy] max_drop_points = 1.0"


@dataclass(frozen=True)
class Limits:
    """``max_drop_points``: percentage points of top-1 that int8 may lose against float32."""

    max_drop_points: float


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
    accuracy = raw.get("accuracy")
    unknown = [key for key in raw if key != "accuracy"]
    if isinstance(accuracy, dict):
        unknown += [f"accuracy.{key}" for key in accuracy if key != "max_drop_points"]
    if unknown:
        raise RequestError(f"{path} has {', '.join(unknown)}; the one known key is: {EXAMPLE}")
    if not isinstance(accuracy, dict) or "max_drop_points" not in accuracy:
        raise RequestError(f"{path} has no accuracy.max_drop_points; expected {EXAMPLE}")
    limit = accuracy["max_drop_points"]
    number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    if not number or not math.isfinite(limit) or not 0 <= limit <= 100:
        raise RequestError(
            f"{path} has max_drop_points = {limit!r}; expected a number of points from 0 to 100"
        )
    return Limits(float(limit))
