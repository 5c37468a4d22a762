"""Keras's own outputs, which every exported file is compared with."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from models.command_line import command
from models.command_line.child_python import module_command
from models.command_line.errors import DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from models.data.dataset import Dataset, open_dataset
from models.data.preprocessing import preprocessed
from models.source import Source, resolve

PART = 256  # images in memory at a time


def outputs(source: Source, options: Options, dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """Keras's outputs float32 [n, k] for those images of ``dataset`` that can be read.

    Computed in a child process, so that the caller never imports TensorFlow, and kept on disk by
    the hash of the network, the images and the preprocessing.
    """
    key = hashlib.sha256(
        json.dumps(
            [source.identity(), options.scale, options.offset, asdict(dataset.size),
             dataset.content_hash(indices), dataset.decoder, options.skip_corrupt],
        ).encode()
    ).hexdigest()  # fmt: skip
    kept = cache_folder() / f"{key}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _predict_in_child(options, dataset, indices, kept)
    return np.load(kept)


def cache_folder() -> Path:
    """The folder where outputs are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mobilenet-deploy" / "reference"


def _predict_in_child(options: Options, dataset: Dataset, indices, kept: Path) -> None:
    with scratch_folder() as folder:
        request, answer = folder / "request.json", folder / "outputs.npy"
        size = [dataset.size.height, dataset.size.width, dataset.size.channels]
        request.write_text(
            json.dumps({
                "options": asdict(options), "size": size,
                "data": dataset.name, "role": dataset.role,
                "indices": [int(i) for i in indices], "outputs": str(answer),
            })
        )  # fmt: skip
        child = subprocess.run(
            module_command("models.reference", str(request)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if child.returncode:
            lines = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
            kind = RequestError if child.returncode == 2 else DeviceError
            raise kind(lines[-1].removeprefix("error: "))
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_bytes(answer.read_bytes())
        partial.rename(kept)


def main(argv: Sequence[str]) -> int:
    """The child: reads a request file, writes the outputs that it asks for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return command.exit_code(lambda: _answer(json.loads(Path(argv[0]).read_text())), "interrupted")


def _answer(asked: dict) -> None:
    options = Options(**asked["options"])
    network = resolve(options).load()
    where, role = asked["data"], asked["role"]
    dataset = open_dataset(where, role, network.size, None, options.skip_corrupt)
    chunks, images = [], []
    for _, pixels in dataset.images(asked["indices"]):
        images.append(preprocessed(pixels, network.preprocess))
        if len(images) == PART:
            chunks.append(network.model.predict(images))
            images = []
    if images:
        chunks.append(network.model.predict(images))
    np.save(asked["outputs"], np.concatenate(chunks))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
