"""The settings of ``export.toml``: how good int8 is to be, and what it may cost."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from models import toml_file
from models.command_line import progress
from models.command_line.errors import RequestError

SETTINGS_FILE = Path("export.toml")
FORMER_FILE = Path("gate.toml")  # had the section until there was a file for it
SECTION = "int8"
SECTIONS = (SECTION, "verification")  # the latter is read where files are verified
LOWEST_HIGHEST = {"min_sqnr_db": (-100.0, 1000.0), "max_latency_ratio": (1.0, 10.0)}
EXAMPLE = f"[{SECTION}] min_sqnr_db = 30.5"


@dataclass(frozen=True)
class Settings:
    """``min_sqnr_db``: signal-to-quantization-noise ratio of the outputs at which the search for a
    better int8 ends. ``max_latency_ratio``: how many times the latency of an int8 file without
    float layers one with some may have; 1 allows none.
    """

    min_sqnr_db: float = 30.5
    max_latency_ratio: float = 1.0


def read_settings(folder: Path = Path(), note: Callable[[str], None] = progress.note) -> Settings:
    """The settings of ``folder``'s export.toml; defaults for what it leaves out.

    An older gate.toml may still have the section: what export.toml does not say is taken from
    there, and ``note`` is told where it belongs now. RequestError for anything else in either.
    """
    path, former_path = folder / SETTINGS_FILE, folder / FORMER_FILE
    found_tables = tables(path)
    unknown = [name for name in found_tables if name not in SECTIONS]
    if unknown:
        raise RequestError(f"{path} has {', '.join(unknown)}; expected only {EXAMPLE}")
    found, former = _of_int8(path, found_tables), _of_int8(former_path, tables(former_path))
    differing = [name for name in former if found.get(name, former[name]) != former[name]]
    for name in differing:
        note(
            f"{name} is {found[name]:g} in {path} and {former[name]:g} in {former_path}: "
            f"{found[name]:g} is used; delete [{SECTION}] from {former_path}"
        )
    if former and not differing:
        note(f"[{SECTION}] of {former_path} belongs in {path} now: move the section there")
    return Settings(**{**former, **found})


def tables(path: Path) -> dict:
    """The content of a TOML file; nothing where there is no such file."""
    try:
        return toml_file.read(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{path} cannot be read as TOML ({error}); expected {EXAMPLE}"
        ) from error


def _of_int8(path: Path, found: dict) -> dict[str, float]:
    return section(path, found, SECTION, Settings, LOWEST_HIGHEST)


def section(
    path: Path, found: dict, name: str, table: type, lowest_highest: dict[str, tuple[float, float]]
) -> dict[str, float]:
    """The numbers of the section ``name`` among the tables ``found`` in ``path``.

    RequestError for keys that are no fields of the dataclass ``table``, and values out of range.
    """
    values = found.get(name, {})
    if not isinstance(values, dict):
        raise RequestError(f"{path} has {name} = {values!r}; expected {EXAMPLE}")
    known = [field.name for field in fields(table)]
    unknown = [f"{name}.{key}" for key in values if key not in known]
    if unknown:
        raise RequestError(f"{path} has {', '.join(unknown)}; expected some of: {', '.join(known)}")
    for key, value in values.items():
        lowest, highest = lowest_highest[key]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not lowest <= value <= highest:
            raise RequestError(
                f"{path} has {name}.{key} = {value!r}; expected a number from {lowest:g} to "
                f"{highest:g}"
            )
    return {key: float(value) for key, value in values.items()}
