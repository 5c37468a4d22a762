"""The weights of a model that were loaded so far, each with the value that its file has."""

from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.untrusted_files import hdf5_file

# State of augmentation and dropout layers, by the names of Keras 2 and 3: not used afterwards.
RANDOM_STATE = ("StateVar", "seed_generator_state")
RANDOM_OBJECTS = ("seed_generator", "generator", "_random_generator", "random_generator")


class LoadedWeights:
    """Of the model in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loaded: set[int] = set()

    def has(self, weight) -> bool:
        return id(weight) in self._loaded

    def add(self, weights) -> None:
        self._loaded |= {id(weight) for weight in weights}

    def wrong(self, what: str) -> RequestError:
        """The error for a file whose weights do not fit its network."""
        return RequestError(
            f"MODEL '{self.path}': {what}; the weights in the file are not those of its network: "
            "save the whole model again with model.save"
        )

    def check_finite(self, value: np.ndarray, name: str) -> None:
        """RequestError where ``value``, of the weight or layer ``name``, is not all numbers."""
        if not np.isfinite(value.astype(np.float64)).all():
            raise RequestError(
                f"MODEL '{self.path}': {name} has weights that are no finite numbers; train it "
                "again, e.g. at a lower learning rate"
            )

    def value_of(self, array) -> np.ndarray:
        """A stored array; those of bfloat16 have no type of their own in HDF5."""
        if not hasattr(array, "dtype"):
            raise self.wrong(f"{array.name!r} is a group of arrays, not one")
        return _typed(hdf5_file.array_of(array, f"MODEL '{self.path}'"))


def _typed(value: np.ndarray) -> np.ndarray:
    if value.dtype.kind == "V" and value.dtype.itemsize == 2:
        import ml_dtypes

        return value.view(ml_dtypes.bfloat16)
    return value


def is_same(loaded, stored: np.ndarray) -> bool:
    """True where a loaded weight has the stored value, in its own precision."""
    loaded = np.asarray(loaded)
    return loaded.shape == stored.shape and np.array_equal(loaded, stored.astype(loaded.dtype))
