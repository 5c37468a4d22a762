"""The content of a Keras weights file, layer by layer, read without Keras.

Three forms: Keras 3 (``layers/conv2d_3/vars/0``, kept by class and counter), legacy Keras 2
(groups by layer name, in the order of ``layer_names``), and whole models in either form.
"""

import io
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.untrusted_files import hdf5_file, regular_file, zip_archive


@dataclass(frozen=True)
class StoredLayer:
    """Arrays of one layer in Keras's order (kernel, bias; gamma, beta, mean, variance).

    ``kind`` is the class in snake case where the file is ordered by class only; empty where the
    whole file is in the network's order.
    """

    name: str
    kind: str
    arrays: tuple[np.ndarray, ...]


def read_layers(path: Path) -> list[StoredLayer]:
    """Layers of the file at ``path`` that have weights, in the file's order.

    Raises RequestError, in one line, for anything that is not a whole Keras weights file.
    """
    expected = "expected a Keras weights file (.weights.h5, .h5 or .keras)"
    if not path.exists():
        raise RequestError(
            f"WEIGHTS is '{path}', which does not exist; expected demo, imagenet, random "
            "or the path of a Keras weights file"
        )
    what = f"WEIGHTS '{path}'"
    regular_file.check(path, what, expected)
    with _hdf5_source(path, expected) as source:
        try:
            with hdf5_file.opened(source, what, path.stat().st_size) as file:
                layers = _layers_of(file, what)
        except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            reason = "truncated" if "truncated" in str(error) else f"damaged ({_brief(error)})"
            raise RequestError(
                f"WEIGHTS '{path}' is {reason}; expected a whole file: copy or download it again"
            ) from error
    if layers is None:
        raise RequestError(f"WEIGHTS '{path}' is HDF5 but holds no Keras layers; {expected}")
    return layers


def classes_in(path: Path) -> int | None:
    """The number of classes of the classifier in the file; None where it ends without one."""
    layers = read_layers(Path(path))
    if layers and layers[0].kind:
        kinds = {layer.kind for layer in layers}
        last_kind = next((kind for kind in ("dense", "conv2d") if kind in kinds), None)
        layers = [layer for layer in layers if layer.kind == last_kind]
    if not layers:
        return None
    last = layers[-1].arrays
    has_bias = len(last) == 2 and last[1].ndim == 1 and last[0].shape[-1] == last[1].size
    return last[1].size if has_bias else None


@contextmanager
def _hdf5_source(path, expected):
    """A file that h5py can open: the path itself, or the weights inside a ``.keras`` archive."""
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise RequestError(f"WEIGHTS '{path}' cannot be read ({error.strerror})") from error
    if magic == b"\x89HDF\r\n\x1a\n":
        yield path
    elif not magic:
        raise RequestError(f"WEIGHTS '{path}' is empty; {expected}")
    elif magic[:2] == b"PK":
        try:
            with zip_archive.opened(path, f"WEIGHTS '{path}'") as archive:
                weights = io.BytesIO(zip_archive.content(archive, "model.weights.h5"))
        except zip_archive.DAMAGE as error:
            raise RequestError(
                f"WEIGHTS '{path}' is truncated or damaged ({_brief(error)}); expected a whole "
                "file: copy or download it again"
            ) from error
        except KeyError:
            raise RequestError(
                f"WEIGHTS '{path}' is an archive without model.weights.h5; {expected}"
            ) from None
        yield weights
    else:
        raise RequestError(f"WEIGHTS '{path}' is not an HDF5 file; {expected}")


def _layers_of(file, what):
    """Stored layers of an open file, or None where it has none of the known layouts."""
    for group in (file, file.get("model_weights")):
        if group is not None and ("layer_names" in group.attrs or "layer_names0" in group.attrs):
            return _legacy_layers(group, what)
    if "layers" in file:
        return _keras3_layers(file["layers"], what)
    return None


def _legacy_layers(group, what):
    layers = []
    for name in hdf5_file.names(group, "layer_names"):
        weight_names = hdf5_file.names(group[name], "weight_names")
        if weight_names:
            arrays = tuple(hdf5_file.array_of(group[name][weight], what) for weight in weight_names)
            layers.append(StoredLayer(name, "", arrays))
    return layers


def _keras3_layers(group, what):
    found = []

    def visit(path, item):
        # Layers inside layers are a nested model's; a dropout's seed is no weight.
        if path.rpartition("/")[2] == "vars" and len(item) and "seed_generator" not in path:
            key = path.removesuffix("/vars")
            counter = re.search(r"_(\d+)$", key)
            kind = key[: counter.start()] if counter else key
            indices = sorted(item, key=int)
            arrays = tuple(hdf5_file.array_of(item[index], what) for index in indices)
            name = str(hdf5_file.attribute(item, "name", key))
            found.append((kind, int(counter[1]) if counter else 0, StoredLayer(name, kind, arrays)))

    group.visititems(visit)
    return [layer for _, _, layer in sorted(found, key=lambda entry: entry[:2])]


def _brief(error):
    return str(error).strip("'\"").splitlines()[0][:100] if str(error) else type(error).__name__
