"""The contents of a ``.keras`` or ``.h5`` file, read without running any of it.

The format goes by the content, not by the suffix.
"""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import RequestError
from models.untrusted_files import hdf5_file, regular_file, zip_archive

EXPECTED = "expected a whole Keras model (.keras, .h5 or a SavedModel folder)"
DAMAGED = "expected a whole file: copy it again or save the model again"
WEIGHTS = "model.weights.h5"
MAX_CONFIG_BYTES = 64 << 20  # the largest network of keras.applications takes one
MAX_CONFIG_DEPTH = 200  # a model within a model takes five, and the call of a layer ten
RAISED_IN_A_LAYER = re.compile(r"Exception encountered when calling (.+)\.\n\n")
BOLD = re.compile(r"\x1b\[[01]m")


@dataclass(frozen=True)
class StoredModel:
    """The configuration in the file at ``path``, and the version of Keras that wrote it.

    ``is_archive`` tells a ``.keras`` file from an HDF5 one.
    """

    path: Path
    config: dict
    keras_version: str
    is_archive: bool

    @property
    def is_keras2(self) -> bool:
        """True for what Keras 1 or 2 wrote, in which some layers compute other numbers."""
        return self.keras_version.split(".")[0] in ("1", "2")

    @contextlib.contextmanager
    def weights(self) -> Iterator:
        """The HDF5 group of the weights, open for reading."""
        what = f"MODEL '{self.path}'"
        try:
            source = self.path
            if self.is_archive:
                with zip_archive.opened(self.path, what) as archive:
                    source = io.BytesIO(zip_archive.content(archive, WEIGHTS))
            with hdf5_file.opened(source, what, self.path.stat().st_size) as file:
                yield file if self.is_archive else file["model_weights"]
        except KeyError:
            raise RequestError(f"{what} holds a network without weights; {EXPECTED}") from None
        except (RuntimeError, AttributeError, TypeError, IndexError, *zip_archive.DAMAGE) as error:
            raise damaged(self.path, error) from error


def read(path: Path) -> StoredModel:
    """The model stored at ``path``; RequestError, in one line, where there is no whole one."""
    regular_file.check(path, f"MODEL '{path}'", EXPECTED)
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise RequestError(f"MODEL '{path}' cannot be read ({error.strerror})") from error
    if magic == b"\x89HDF\r\n\x1a\n":
        return _hdf5(path)
    if magic[:2] == b"PK":
        return _archive(path)
    found = "is empty" if not magic else "is neither a Keras archive nor HDF5"
    raise RequestError(f"MODEL '{path}' {found}; {EXPECTED}")


def _hdf5(path):
    try:
        with hdf5_file.opened(path, f"MODEL '{path}'", path.stat().st_size) as file:
            text = hdf5_file.attribute(file, "model_config")
            if text is None:
                raise RequestError(
                    f"MODEL '{path}' holds weights but no network; {EXPECTED}; for weights of one "
                    "of our networks use ARCH=... WEIGHTS=path"
                )
            version = hdf5_file.attribute(file, "keras_version", "2")
            version = version.decode() if isinstance(version, bytes) else str(version)
            return StoredModel(path, _parsed(text, path), version, is_archive=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise damaged(path, error) from error


def _archive(path):
    try:
        with zip_archive.opened(path, f"MODEL '{path}'") as archive:
            config = _parsed(zip_archive.content(archive, "config.json"), path)
            about = {}
            if "metadata.json" in archive.namelist():
                about = _parsed(zip_archive.content(archive, "metadata.json"), path)
        version = about.get("keras_version", "3") if isinstance(about, dict) else "3"
        return StoredModel(path, config, str(version), is_archive=True)
    except KeyError:
        raise RequestError(f"MODEL '{path}' is an archive without a network; {EXPECTED}") from None
    except zip_archive.DAMAGE as error:
        raise damaged(path, error) from error


def _parsed(text: str | bytes, path: Path):
    """The value of the JSON ``text``. ValueError where it is none; RequestError where it is larger
    or deeper than a network's: what goes through it calls itself."""
    if not isinstance(text, str | bytes):
        raise ValueError(f"its configuration is no text but {type(text).__name__}")
    if len(text) <= MAX_CONFIG_BYTES:
        try:
            found = json.loads(text)
            if _is_flat(found):
                return found
        except RecursionError:
            pass  # deeper than Python's own limit
        how = f"more than {MAX_CONFIG_DEPTH} levels deep"
    else:
        how = f"{len(text) / 1e6:,.0f} MB of text"
    raise RequestError(f"MODEL '{path}' has a configuration of {how}; {EXPECTED}")


def _is_flat(found) -> bool:
    level = [found]
    for _ in range(MAX_CONFIG_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return True
    return False


def _inside(value):
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def damaged(path: Path, error: Exception) -> RequestError:
    """The error that says a file is not whole, and why."""
    return RequestError(f"MODEL '{path}' is truncated or damaged ({brief(error)}); {DAMAGED}")


def brief(error) -> str:
    """First line of an error, short enough for one line of ours; of one that Keras raises in a
    layer, what follows it: the reason."""
    text = RAISED_IN_A_LAYER.sub(r"\1: ", str(error).strip("'\""))
    lines = [line.strip() for line in BOLD.sub("", text).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__
