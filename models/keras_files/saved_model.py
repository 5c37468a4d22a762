"""A SavedModel folder: its serving function, frozen into constants, as a Keras model."""

from pathlib import Path

from models.command_line.errors import RequestError
from models.keras_files.frozen_graph import frozen_layer
from models.keras_files.model_file import brief

# A SavedModel is a graph, not Python, but these let it touch files or run Python all the same.
UNSAFE_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile"})
SIGNATURE = "serving_default"


def open_saved_model(path: Path):
    """Keras model of one layer, ``FrozenGraph``, that computes the folder's serving function.

    Raises RequestError, in one line, for a folder that is no SavedModel or whose serving function
    is not one tensor in, one out.
    """
    import keras

    _refuse_unsafe(path, _graphs(path))
    frozen = _frozen(path)
    if len(frozen.outputs) != 1 or len(frozen.inputs) != 1:
        raise RequestError(
            f"MODEL '{path}' has {len(frozen.inputs)} inputs and {len(frozen.outputs)} outputs; "
            "expected one image in and one [batch, classes] out"
        )
    tensor, output = frozen.inputs[0], frozen.outputs[0]
    if tensor.shape.rank is None or output.shape.rank != 2 or output.shape[1] is None:
        raise RequestError(
            f"MODEL '{path}' maps {tensor.shape} to {output.shape}; expected shapes fixed but for "
            "the batch: run model.export(folder) on a model with keras.Input((height, width, 3))"
        )
    image = keras.Input(batch_shape=tuple(tensor.shape), dtype=tensor.dtype.name, name="image")
    return keras.Model(image, frozen_layer(frozen)(image), name="saved_model")


def _graphs(path):
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    if not (path / "saved_model.pb").is_file():
        raise RequestError(
            f"MODEL '{path}' is a folder without saved_model.pb; expected a SavedModel folder (as "
            "model.export(folder) writes it), a .keras or an .h5 file"
        )
    try:
        return SavedModel.FromString((path / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise RequestError(
            f"MODEL '{path}' has a damaged saved_model.pb ({brief(error)}); export the model again"
        ) from error


def _refuse_unsafe(path, saved):
    for meta in saved.meta_graphs:
        nodes = [*meta.graph_def.node]
        for function in meta.graph_def.library.function:
            nodes += function.node_def
        found = sorted({node.op for node in nodes} & UNSAFE_OPS)
        if found:
            raise RequestError(
                f"MODEL '{path}' runs {', '.join(found)}; expected a graph that neither runs "
                "Python nor touches files: export it without"
            )


def _frozen(path):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow raises whatever its loader ran into
        raise RequestError(
            f"MODEL '{path}' does not load in TensorFlow {tf.__version__} ({brief(error)}); export "
            "the model again"
        ) from error
    if SIGNATURE not in loaded.signatures:
        known = ", ".join(sorted(loaded.signatures)) or "none"
        raise RequestError(
            f"MODEL '{path}' has signatures: {known}; expected {SIGNATURE}, "
            "which model.export(folder) writes"
        )
    function = loaded.signatures[SIGNATURE]
    try:
        frozen = convert_variables_to_constants_v2(function)
    except Exception as error:  # TensorFlow raises whatever its importer ran into
        _refuse_randomness(path, function.graph)
        raise RequestError(
            f"MODEL '{path}' cannot be frozen ({brief(error)}); save it as .keras and use "
            "MODEL=file.keras"
        ) from error
    _refuse_randomness(path, frozen.graph)
    return frozen


def _refuse_randomness(path, graph):
    """Keras 3 exports augmentation layers switched on: the numbers would be another's each time."""
    definition = graph.as_graph_def()
    nodes = [*definition.node]
    for function in definition.library.function:
        nodes += function.node_def
    found = next((node.op for node in nodes if "Random" in node.op), None)
    if found:
        raise RequestError(
            f"MODEL '{path}' draws random numbers when it runs ({found}: augmentation layers, "
            "which export leaves on); save it as .keras, which switches them off, and use "
            "MODEL=file.keras"
        )
