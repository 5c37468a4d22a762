"""The contents of a ``.keras`` or ``.h5`` file, read without running any of it.

The format goes by the content, not by the suffix.
"""

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import RequestError

EXPECTED = "expected a whole Keras model (.keras, .h5 or a SavedModel folder)"
DAMAGED = "expected a whole file: copy it again or save the model again"
WEIGHTS = "model.weights.h5"
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
        import h5py

        try:
            with contextlib.ExitStack() as stack:
                source = self.path
                if self.is_archive:
                    archive = stack.enter_context(zipfile.ZipFile(self.path))
                    source = io.BytesIO(archive.read(WEIGHTS))
                file = stack.enter_context(h5py.File(source, "r"))
                yield file if self.is_archive else file["model_weights"]
        except KeyError:
            raise RequestError(
                f"MODEL '{self.path}' holds a network without weights; {EXPECTED}"
            ) from None
        except (OSError, RuntimeError, zipfile.BadZipFile) as error:
            raise damaged(self.path, error) from error


def read(path: Path) -> StoredModel:
    """The model stored at ``path``; RequestError, in one line, where there is no whole one."""
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
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise RequestError(
                    f"MODEL '{path}' holds weights but no network; {EXPECTED}; for weights of one "
                    "of our networks use ARCH=... WEIGHTS=path"
                )
            version = file.attrs.get("keras_version", "2")
            version = version.decode() if isinstance(version, bytes) else str(version)
            return StoredModel(path, json.loads(text), version, is_archive=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise damaged(path, error) from error


def _archive(path):
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            if broken:
                raise zipfile.BadZipFile(f"{broken} fails its checksum")
            config = json.loads(archive.read("config.json"))
            names = archive.namelist()
            about = json.loads(archive.read("metadata.json")) if "metadata.json" in names else {}
            return StoredModel(path, config, str(about.get("keras_version", "3")), is_archive=True)
    except KeyError:
        raise RequestError(f"MODEL '{path}' is an archive without a network; {EXPECTED}") from None
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> RequestError:
    """The error that says a file is not whole, and why."""
    return RequestError(f"MODEL '{path}' is truncated or damaged ({brief(error)}); {DAMAGED}")


def brief(error) -> str:
    """First line of an error, short enough for one line of ours; of one that Keras raises in a
    layer, what follows it: the reason."""
    text = RAISED_IN_A_LAYER.sub(r"\1: ", str(error).strip("'\""))
    lines = [line.strip() for line in BOLD.sub("", text).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__
