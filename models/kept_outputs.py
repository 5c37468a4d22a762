"""Keras's outputs kept between runs: a cache, without which all is the same but slower."""

import hashlib
import os
from pathlib import Path

from models.command_line.cache import cache_folder
from models.command_line.errors import DeviceError
from models.command_line.progress import note

DIGEST_BYTES = hashlib.sha256().digest_size
AGAIN = "they are computed again each time; set XDG_CACHE_HOME to a folder with room for them"


def read(key: str) -> bytes | None:
    """The outputs that ``write`` kept under this ``key``, whole; None where there are none."""
    try:
        path = _path(key)
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, DeviceError):  # ``write`` says why
        return None
    except OSError as error:
        note(f"Keras's outputs that were kept cannot be read ({error}); they are computed again")
        return None
    digest, outputs = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(outputs).digest() == digest:
        return outputs
    note(f"{path} was damaged; Keras's outputs are computed again")
    return None


def write(key: str, outputs: bytes) -> None:
    """Keep ``outputs``, whole or not at all."""
    partial = None
    try:
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_bytes(hashlib.sha256(outputs).digest() + outputs)
        partial.replace(path)
    except (OSError, DeviceError) as error:
        note(f"Keras's outputs cannot be kept ({error}); {AGAIN}")
        if partial:
            _remove(partial)


def _remove(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except OSError as error:
        note(f"{partial} is left over, and cannot be removed ({error})")


def _path(key: str) -> Path:
    return cache_folder("reference") / f"{key}.checked"
