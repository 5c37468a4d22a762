"""A SavedModel's function, loaded and frozen by a process of its own, which can write nothing.

``python -m`` runs it for ``models.keras_files.saved_graph``, with the folder that the SavedModel
will be in. It reads a FreezeRequest as JSON on its standard input, and writes a line with the names
of inputs and outputs, and a GraphDef, on its standard output.
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from models.command_line import command
from models.command_line.errors import RequestError
from models.keras_files import training_mode
from models.keras_files.stored_model import brief
from models.keras_files.traced import imported
from models.untrusted_files.confinement import confine

CPU_LIMIT_S = 1200


@dataclass(frozen=True)
class FreezeRequest:
    """The function ``signature`` of a SavedModel, whose user calls it ``path``.

    ``inputs`` and ``outputs`` name its tensors in a graph of TensorFlow 1.
    """

    path: str
    tags: Sequence[str]
    signature: str
    is_version1: bool
    inputs: Sequence[str]
    outputs: Sequence[str]


def main(argv: Sequence[str]) -> int:
    """Freeze what the request says; where it is wrong, exit code 2 and a line on standard error."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    confine(CPU_LIMIT_S)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    (folder,) = argv
    tempfile.tempdir = folder  # looked for by writing, when TensorFlow is imported
    return command.exit_code(lambda: _answer(folder, answer), "interrupted")


def _answer(folder, answer):
    import tensorflow  # noqa: F401  while the request is made

    asked = FreezeRequest(**json.loads(sys.stdin.buffer.read()))
    function = frozen(folder, asked)
    ends = [[tensor.name for tensor in end] for end in (function.inputs, function.outputs)]
    answer.write(json.dumps(ends).encode() + b"\n")
    answer.write(function.graph.as_graph_def().SerializeToString())
    answer.close()


def frozen(folder: str, asked: FreezeRequest):
    """The function of the SavedModel in ``folder`` as a concrete one without variables.

    RequestError for what cannot be loaded, draws random numbers or runs as in training."""
    import tensorflow as tf

    try:
        if asked.is_version1:
            return _frozen_version1(folder, asked)
        loaded = tf.saved_model.load(folder, tags=list(asked.tags))
        concrete = loaded.signatures[asked.signature]
    except RequestError:
        raise
    except Exception as error:  # TensorFlow raises whatever its loader ran into
        raise RequestError(
            f"MODEL '{asked.path}' does not load in TensorFlow {tf.__version__} "
            f"({brief(error)}); export the model again"
        ) from error
    definition = concrete.graph.as_graph_def()
    _refuse_randomness(asked.path, definition)
    _refuse_training(asked.path, definition)
    return _without_variables(asked.path, concrete)


def _without_variables(path, concrete):
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    try:
        return _unordered(convert_variables_to_constants_v2(concrete, lower_control_flow=False))
    except Exception as error:  # TensorFlow raises whatever its importer ran into
        raise RequestError(
            f"MODEL '{path}' cannot be frozen ({brief(error)}); save it as .keras and use "
            "MODEL=file.keras"
        ) from error


def _unordered(frozen):
    """``frozen`` without the order that functions which became part of it kept to: nothing in it
    changes anything, and TensorFlow's optimizer ties a Pad and a convolution into a cycle by it."""
    definition = frozen.graph.as_graph_def()
    ordered = [node for node in definition.node if any(n.startswith("^") for n in node.input)]
    if not ordered:
        return frozen
    for node in ordered:
        node.input[:] = [name for name in node.input if not name.startswith("^")]
    return imported(definition, *([t.name for t in e] for e in (frozen.inputs, frozen.outputs)))


def _frozen_version1(folder, asked):
    """Variables of TensorFlow 1 are values of a session."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.saved_model.load(session, list(asked.tags), folder)
        names = [name.partition(":")[0] for name in asked.outputs]
        definition = v1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), names
        )
    _refuse_randomness(asked.path, definition)
    _refuse_training(asked.path, definition)
    return imported(definition, asked.inputs, asked.outputs)


def nodes(definition):
    """Every node of a graph, those in its functions as well."""
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def _refuse_training(path, definition):
    """Statistics of the images that are asked about together are no network's own numbers."""
    found = next(
        (
            node.name
            for node in nodes(definition)
            if training_mode.is_training(node) or node.op in training_mode.ASSIGNMENT
        ),
        None,
    )
    if found:
        layer = found.rpartition("/")[0] or found
        raise RequestError(
            f"MODEL '{path}' runs {layer} as in training: it changes with the images it is asked "
            "about; save it as .keras and use MODEL=file.keras"
        )


def _refuse_randomness(path, definition):
    """Keras 3 exports augmentation layers switched on: the numbers would be another's each time."""
    found = next((node.op for node in nodes(definition) if "Random" in node.op), None)
    if found:
        raise RequestError(
            f"MODEL '{path}' draws random numbers when it runs ({found}: augmentation layers, "
            "which export leaves on); save it as .keras, which switches them off, and use "
            "MODEL=file.keras"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
