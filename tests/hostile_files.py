"""Keras files changed by hand, as those who mean harm would."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np

SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\n".ljust(4096, b"k")


def secret_file(folder: Path) -> Path:
    """A file of the user's that no model may give away."""
    path = folder / "id_ed25519"
    path.write_bytes(SECRET)
    return path


def secret_hdf5(folder: Path) -> Path:
    """An HDF5 file of the user's with an array ``secret``."""
    path = folder / "private.h5"
    with h5py.File(path, "w") as file:
        file["secret"] = np.full((64, 64), 42, np.float32)
    return path


def first_array(group) -> h5py.Dataset:
    """The first dataset of numbers below ``group``."""
    found = []
    group.visititems(lambda _, item: found.append(item) if hasattr(item, "dtype") else None)
    return next(item for item in found if item.dtype.kind == "f" and item.size)


def replaced(array: h5py.Dataset, make) -> None:
    """``make(group, name, shape)`` in the place of ``array``."""
    group, name, shape = array.parent, array.name.rpartition("/")[2], array.shape
    del group[name]
    make(group, name, shape)


def edited(path: Path, edit) -> Path:
    """``path``, an HDF5 file or a .keras archive, after ``edit`` of its open HDF5 file."""
    if not zipfile.is_zipfile(path):
        with h5py.File(path, "r+") as file:
            edit(file)
        return path
    members = members_of(path)
    memory = io.BytesIO(members["model.weights.h5"])
    with h5py.File(memory, "r+") as file:
        edit(file)
    return archive(path, {**members, "model.weights.h5": memory.getvalue()})


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as source:
        return {name: source.read(name) for name in source.namelist()}


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """A zip archive of ``members`` at ``path``."""
    with zipfile.ZipFile(path, "w", method) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def reconfigured(path: Path, change) -> Path:
    """The .keras or .h5 file ``path`` after ``change`` of its configuration, which may be given
    another."""
    if zipfile.is_zipfile(path):
        members = members_of(path)
        config = json.loads(members["config.json"])
        members["config.json"] = json.dumps(change(config) or config).encode()
        return archive(path, members)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(change(config) or config)
    return path
