"""Outputs of every layer in one runtime or in Keras, from a child process that may crash.

The child half of this file (``python -m bench.explain.layer_outputs``) imports the one runtime it
is asked for.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from models.command_line import command
from models.command_line.child_python import module_command
from models.command_line.errors import CommandError, DeviceError, RequestError
from models.command_line.options import Options
from quantize.runtime.model_session import open_session

TIME_LIMIT_S = 600
KERAS = "keras"


def of_file(
    runtime: str, content: bytes, values: Sequence[str], images: np.ndarray, folder: Path
) -> list[Path]:
    """A .npy file [n, ...] for each of ``values``, outputs of the file ``content``, as it stores
    them. ``images`` [n, h, w, c]: as it stores its input. DeviceError where ``runtime`` fails."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "instrumented"
    file.write_bytes(content)
    asked = {"runtime": runtime, "file": str(file), "values": list(values)}
    _in_child(asked, images, folder)
    return [folder / f"{i}.npy" for i in range(len(values))]


def of_keras(options: Options, images: np.ndarray, folder: Path) -> dict[str, Path]:
    """A .npy file [n, ...] for each layer, by its name, of the network that ``options`` name.
    ``images``: preprocessed float32 [n, h, w, c]."""
    folder.mkdir(parents=True, exist_ok=True)
    names = _in_child({"runtime": KERAS, "options": asdict(options)}, images, folder)
    return {name: folder / f"{i}.npy" for i, name in enumerate(names)}


def _in_child(asked: dict, images: np.ndarray, folder: Path) -> list[str]:
    stored, request = folder / "images.npy", folder / "request.json"
    np.save(stored, images)
    request.write_text(json.dumps({**asked, "images": str(stored), "folder": str(folder)}))
    runtime = asked["runtime"]
    try:
        child = subprocess.run(
            module_command("bench.explain.layer_outputs", str(request)),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"the layers of {runtime} took more than {TIME_LIMIT_S} s; ended it"
        ) from None
    if child.returncode:
        lines = child.stderr.strip().splitlines() or ["no output"]
        last = lines[-1].removeprefix("error: ")
        if child.returncode == RequestError.exit_code:
            raise RequestError(last)
        raise DeviceError(
            f"the layers of {runtime} cannot be run (exit code {child.returncode}): {last[:400]}"
        )
    return json.loads(child.stdout)


def _file(asked: dict, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    session = open_session(asked["runtime"], asked["file"])
    numbers = {output.name: number for number, output in enumerate(session.outputs)}
    found = []
    for image in images:
        session.feed(image[None])
        session.run()
        found.append([session.output(numbers[name]) for name in asked["values"]])
    yield from zip(asked["values"], map(np.concatenate, zip(*found, strict=True)), strict=True)


def _keras(asked: dict, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    import keras

    from models.keras_files.keras_network import KerasNetwork
    from models.source import resolve

    network = resolve(Options(**asked["options"])).load()
    if not isinstance(network.model, KerasNetwork):  # a file, whose layers nobody looks into
        first = network.outputs[0]
        rows = network.model.predict(images)[:, : first.size]
        yield "", rows.reshape(len(images), *first.shape)
        return
    model = network.model.keras_model
    # The last layer's activation is an operator of its own in a file, and the file's output.
    last = model.outputs[0]._keras_history.operation.name
    yield from ((name, found) for name, found in _layers(model, images) if name != last)
    yield "", np.asarray(keras.tree.flatten(model.predict_on_batch(images))[0])


def _layers(model, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Name and output of each layer of ``model`` fed with ``images``, nested models opened."""
    import keras

    model = getattr(model, "_functional", None) or model  # of a Sequential
    by_depth = getattr(model, "_nodes_by_depth", {})  # a subclassed model cannot be looked into
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    nodes = [node for node in nodes if not node.is_input]
    if not nodes:
        return
    tensors = [node.outputs[0] for node in nodes]
    outputs = keras.Model(model.inputs, tensors).predict_on_batch(images)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    known = {id(tensor): np.asarray(found) for tensor, found in zip(tensors, outputs, strict=True)}
    for node in nodes:
        if isinstance(node.operation, keras.Model):
            yield from _layers(node.operation, known.get(id(node.input_tensors[0]), images))
        yield node.operation.name, known[id(node.outputs[0])]


def _answer(asked: dict) -> list[str]:
    images, folder, names = np.load(asked["images"]), Path(asked["folder"]), []
    try:
        outputs = _keras if asked["runtime"] == KERAS else _file
        for name, values in outputs(asked, images):
            np.save(folder / f"{len(names)}.npy", values)
            names.append(name)
    except CommandError:
        raise
    except Exception as error:  # whatever a runtime raises is the finding
        raise DeviceError(f"{type(error).__name__}: {error}") from error
    return names


def main(argv: Sequence[str]) -> int:
    """The child: reads a request file, writes the outputs, prints their names as JSON."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # runtimes print; only our line may reach the parent
    asked = json.loads(Path(argv[0]).read_text())
    with answer:
        return command.exit_code(lambda: json.dump(_answer(asked), answer), "interrupted")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
