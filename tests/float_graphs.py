"""Float graphs of networks, converted once and kept on disk: for all workers and later runs."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from commands import ROOT

from models.command_line.options import Options
from models.networks.spec import ModelSpec
from quantize.graph.graph import Graph

CACHE = ROOT / ".cache" / "float_graphs"


def demo(arch: str) -> Graph:
    """The float graph of the demo checkpoint of ``arch``."""

    def convert() -> bytes:
        import keras

        from models.source import resolve

        # Layers are named as in a process of its own, whatever was built in this one before.
        keras.utils.clear_session(free_memory=False)
        network = resolve(Options(arch=arch)).load()
        return network.model.float_graph()

    return Graph(_kept(f"{arch}-demo", convert)).named("image", "probabilities")


def of_random_weights(spec: ModelSpec) -> Graph:
    """The float graph of a network of the registry with random weights."""

    def convert() -> bytes:
        import keras

        from models.keras_files import float_graph
        from models.networks import registry
        from models.weights import random_weights

        keras.utils.clear_session(free_memory=False)
        model = registry.build(spec)
        random_weights.fill(model)
        return float_graph.convert(model, spec.resolution, spec.resolution, 3)

    name = f"{spec.arch}-{spec.alpha:g}-{spec.resolution}-{spec.classes}"
    return Graph(_kept(name, convert)).named("image", "probabilities")


def _kept(name: str, convert: Callable[[], bytes]) -> bytes:
    """The graph ``name``, converted the first time with these sources and this TensorFlow."""
    folder = CACHE / _sources()
    with _locked():
        if not folder.exists():
            shutil.rmtree(CACHE, ignore_errors=True)
            folder.mkdir(parents=True)
        path = folder / f"{name}.tflite"
        if not path.exists():
            partial = path.with_suffix(".partial")
            partial.write_bytes(convert())
            os.replace(partial, path)
        return path.read_bytes()


@contextmanager
def _locked() -> Iterator[None]:
    CACHE.parent.mkdir(exist_ok=True)
    with CACHE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sources() -> str:
    """Hash of everything that decides what is in a float graph."""
    whole = hashlib.sha256()
    for library in ("tensorflow", "keras", "numpy"):
        whole.update(version(library).encode())
    for file in sorted((ROOT / "models").rglob("*")):
        if file.suffix in (".py", ".h5"):
            whole.update(f"{file.relative_to(ROOT)}".encode() + file.read_bytes())
    return whole.hexdigest()[:16]
