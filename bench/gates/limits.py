"""The limits of ``gate.toml``: how much worse a file may be than float32 or the baseline."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from models import toml_file
from models.command_line.errors import RequestError
from models.command_line.progress import note
from quantize.methods.settings import SECTION

GATE_FILE = Path("gate.toml")


@dataclass(frozen=True)
class Limits:
    """None: nothing is checked.

    ``inconclusive``: "fail" or "pass", the effect of a check whose evidence does not suffice.
    ``max_drop_points``: percentage points of top-1 that a quantized file may lose against
    float32. ``max_slowdown_percent`` and ``min_slowdown_ms``: by how much a file may be slower
    than the stored baseline, and what slower is too little to matter. ``latency_reference``:
    "file", the baseline's file is measured again in turns with the new one, or "times", those of
    then. ``min_speedup``: by file name, how many times as fast as float32 of the same format the
    file must be.
    ``min_delegated_share`` and ``min_int8_share``: of all operators, [0, 1].
    ``max_size_ratio`` and ``max_memory_ratio``: bytes and peak resident memory of int8 against
    float32; ``max_memory_mib``: of any file.
    """

    max_drop_points: float | None = None
    inconclusive: str = "fail"
    max_slowdown_percent: float | None = None
    min_slowdown_ms: float = 0.0
    latency_reference: str = "file"
    min_speedup: dict[str, float] = field(default_factory=dict)
    min_delegated_share: float | None = None
    min_int8_share: float | None = None
    max_size_ratio: float | None = None
    max_memory_ratio: float | None = None
    max_memory_mib: float | None = None


@dataclass(frozen=True)
class _Key:
    """Place of a limit in the file, and the numbers it may be; ``field``: of Limits."""

    section: str
    name: str
    field: str
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.section}.{self.name}"


SPEEDUP = "speedup"  # its keys are names of files
CHOICES = {  # by ``section.name``: the field of Limits and its values
    "gate.inconclusive": ("inconclusive", ("fail", "pass")),
    "latency.reference": ("latency_reference", ("file", "times")),
}
KEYS = (
    _Key("accuracy", "max_drop_points", "max_drop_points", 0, 100),
    _Key("latency", "max_slowdown_percent", "max_slowdown_percent", 0, 1000),
    _Key("latency", "min_slowdown_ms", "min_slowdown_ms", 0, 1e6),
    _Key("coverage", "min_delegated_share", "min_delegated_share", 0, 1),
    _Key("coverage", "min_int8_share", "min_int8_share", 0, 1),
    _Key("size", "max_ratio", "max_size_ratio", 0, 100),
    _Key("memory", "max_ratio", "max_memory_ratio", 0, 100),
    _Key("memory", "max_mib", "max_memory_mib", 0, 1e6),
)
FORMER_NAMES = {"gate.cannot_tell": "gate.inconclusive"}
EXAMPLE = rf"printf '[accuracy]\nmax_drop_points = 0.5\n' > {GATE_FILE}"


def read_limits(path: Path = GATE_FILE) -> Limits:
    """The limits in ``path``; RequestError where it has anything else."""
    try:
        raw = toml_file.read(path)
    except FileNotFoundError:
        raise RequestError(f"there is no {path}; write one, e.g. {EXAMPLE}") from None
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{path} cannot be read as TOML ({error}); write it again, e.g. {EXAMPLE}"
        ) from error
    raw.pop(SECTION, None)  # a setting of the export, which ``quantize.methods.settings`` reads
    speedups = raw.pop(SPEEDUP, {})
    if not isinstance(speedups, dict):
        raise RequestError(f'{path} has {SPEEDUP} = {speedups!r}; expected "int8.tflite" = 1.0')
    found = _renamed(path, _flat(raw))
    _refuse_unknown(path, found, speedups)
    limits = {
        key.field: _number(path, str(key), found[str(key)], key.lowest, key.highest)
        for key in KEYS
        if str(key) in found
    }
    for name, (of_limits, values) in CHOICES.items():
        if name in found:
            limits[of_limits] = found[name]
            if found[name] not in values:
                raise RequestError(
                    f"{path} has {name} = {found[name]!r}; expected {' or '.join(values)}"
                )
    of_files = {
        name: _number(path, f"{SPEEDUP}.{name}", value, 0, 1000) for name, value in speedups.items()
    }
    return Limits(**limits, min_speedup=of_files)


def _flat(raw: dict) -> dict:
    """Values by ``section.name``; one that is in no section by its name alone."""
    return {
        (f"{section}.{name}" if isinstance(values, dict) else section): value
        for section, values in raw.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    }


def _renamed(path: Path, found: dict) -> dict:
    """``found`` with former names as they are called now; RequestError where both are there."""
    for former, name in FORMER_NAMES.items():
        if former in found and name in found:
            raise RequestError(f"{path} has {former} and {name}, its new name; remove {former}")
        if former in found:
            note(f"{former} of {path} is called {name} now: rename it there")
    return {FORMER_NAMES.get(name, name): value for name, value in found.items()}


def _refuse_unknown(path: Path, found: dict, speedups: dict) -> None:
    known = [*CHOICES, *(str(key) for key in KEYS)]
    unknown = [name for name in found if name not in known]
    unknown += [f"{SPEEDUP}.{name}" for name in speedups if not name.endswith((".tflite", ".onnx"))]
    if unknown:
        raise RequestError(
            f"{path} has {', '.join(unknown)}; expected some of: {', '.join(known)}, "
            f'{SPEEDUP}."FILE.tflite", {SPEEDUP}."FILE.onnx"'
        )


def _number(path: Path, name: str, value, lowest: float, highest: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not lowest <= value <= highest:
        raise RequestError(
            f"{path} has {name} = {value!r}; expected a number from {lowest:g} to {highest:g}"
        )
    return float(value)
