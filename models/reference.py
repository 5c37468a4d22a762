"""Keras's own outputs, which every exported file is compared with."""

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import asdict

import numpy as np

from models import kept_outputs
from models.command_line import command
from models.command_line.child_python import module_command
from models.command_line.errors import DeviceError, RequestError
from models.command_line.options import Options
from models.data.dataset import Dataset, open_dataset
from models.data.preprocessing import preprocessed
from models.source import Source, resolve

PART = 256  # images in memory at a time


def outputs(source: Source, options: Options, dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """Keras's outputs float32 [n, k] for those images of ``dataset`` that can be read.

    Computed in a child process, so that the caller never imports TensorFlow, and kept on disk by
    the hash of the network, the images and the preprocessing. Where they cannot be kept, or what
    was kept is damaged, they are computed again, and a note says so.
    """
    key = hashlib.sha256(
        json.dumps(
            [source.identity(), options.scale, options.offset, asdict(dataset.size),
             dataset.content_hash(indices), dataset.decoder, options.skip_corrupt],
        ).encode()
    ).hexdigest()  # fmt: skip
    kept = kept_outputs.read(key)
    if kept is None:
        kept = _predict_in_child(options, dataset, indices)
        kept_outputs.write(key, kept)
    return np.load(io.BytesIO(kept))


def _predict_in_child(options: Options, dataset: Dataset, indices: np.ndarray) -> bytes:
    """The content of a .npy file of the outputs. Through pipes: a temporary folder could be full,
    and would stay if this process is killed."""
    size = [dataset.size.height, dataset.size.width, dataset.size.channels]
    request = json.dumps({
        "options": asdict(options), "size": size, "data": dataset.name, "role": dataset.role,
        "indices": [int(i) for i in indices],
    })  # fmt: skip
    child = subprocess.run(
        module_command("models.reference"), input=request.encode(), capture_output=True
    )
    if child.returncode:
        said = child.stderr.decode(errors="backslashreplace").strip().splitlines()
        kind = RequestError if child.returncode == 2 else DeviceError
        raise kind((said or [f"exit code {child.returncode}"])[-1].removeprefix("error: "))
    return child.stdout


def main() -> int:
    """The child: reads a request on standard input, writes the outputs that it asks for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no part of the answer
    asked = json.loads(sys.stdin.buffer.read())
    with answer:
        return command.exit_code(lambda: answer.write(_answer(asked)), "interrupted")


def _answer(asked: dict) -> bytes:
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
    content = io.BytesIO()
    np.save(content, np.concatenate(chunks))
    return content.getvalue()


if __name__ == "__main__":
    sys.exit(main())
