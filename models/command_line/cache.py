"""The folder of this user that is kept between runs: downloads, and what takes long to compute."""

import os
from pathlib import Path

from models.command_line.errors import DeviceError

NAME = "mobilenet-deploy"


def cache_folder(kind: str) -> Path:
    """The folder for what is of this ``kind``, which need not be there yet.

    DeviceError where this user has no home, as one that a container gave a number only.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # others are to be ignored, says the specification
        return Path(base) / NAME / kind
    try:
        return Path.home() / ".cache" / NAME / kind
    except RuntimeError as error:
        raise DeviceError(
            f"this user has no home folder to keep {kind} in; set XDG_CACHE_HOME to a folder that "
            "may be written"
        ) from error
