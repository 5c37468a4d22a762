"""A SavedModel folder of TensorFlow 1 or 2: its serving function, frozen, as a Keras model."""

from pathlib import Path

from models.command_line.errors import RequestError
from models.keras_files import (
    first_layer,
    graph_changes,
    input_size,
    needed_memory,
    saved_graph,
    unrolled_loops,
)
from models.keras_files.frozen_graph import frozen_layer
from models.keras_files.model_file import OpenedModel
from models.networks import size_limits

FEW_CHANNELS = 4  # a first dimension of at most that is one of channels, where the last is larger


def open_saved_model(path: Path, res: int | None = None) -> OpenedModel:
    """Keras model of one layer, ``FrozenGraph``, that computes the folder's serving function.

    ``res`` is the input size in pixels where the function leaves it open. Raises RequestError, in
    one line, for a folder that is no SavedModel or whose function does not take one image.
    """
    with saved_graph.Freezer() as freezer:
        import keras
        import tensorflow as tf

        # On some processors TensorFlow fuses a grouped convolution with what follows it, and then
        # has no kernel for that.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        saved = saved_graph.chosen(path)
        frozen = freezer.frozen(saved)
    if len(frozen.inputs) != 1:
        raise RequestError(f"MODEL '{path}' has {len(frozen.inputs)} inputs; expected one image")
    shape, notes = _image_shape(path, frozen, res)
    needed_memory.check_frozen(path, frozen, shape)
    takes_pixels = frozen.inputs[0].dtype.is_integer
    frozen, changes = graph_changes.changed(path, frozen, shape)
    single, steps = _without_loops(path, frozen, shape)
    found = [output.shape for output in single.outputs]
    if not all(each.rank and each[1:].is_fully_defined() for each in found):
        raise RequestError(
            f"MODEL '{path}' maps {tuple(shape)} to {', '.join(map(str, found))}; expected shapes "
            "fixed but for the batch: run model.export(folder) on a model with "
            "keras.Input((height, width, 3))"
        )
    image = keras.Input(batch_shape=shape, name="image")
    model = keras.Model(
        image, frozen_layer(frozen, single, saved.outputs)(image), name="saved_model"
    )
    return OpenedModel(model, (*saved.notes, *notes, *changes, *steps), takes_pixels)


def _without_loops(path, frozen, shape):
    """The function of one image with its loops written out, and a note where it has any."""
    try:
        found = unrolled_loops.unrolled(frozen, (1, *shape[1:]))
    except unrolled_loops.NotUnrollable as error:
        raise RequestError(
            f"MODEL '{path}' has a loop that cannot be written out step by step: {error}; save the "
            "Keras model as .keras and use MODEL=file.keras"
        ) from error
    return (frozen, ()) if found is None else (found, ("its loops are computed step by step",))


def _image_shape(path, frozen, res):
    """Shape [None, height, width, channels] of the image that is fed, and notes."""
    tensor = frozen.inputs[0]
    rank = tensor.shape.rank
    if rank == 3 and tensor.shape[1:].is_fully_defined():  # grey
        size_limits.check_image(tensor.shape[1:], f"MODEL '{path}'")
        return (None, *tensor.shape[1:]), ()
    if rank != 4 and not (rank is None and res is not None):
        raise RequestError(
            f"MODEL '{path}' has an input of shape {tensor.shape}; expected an image: "
            "[batch, height, width, channels]; where it takes any shape, say RES=224"
        )
    shape = tuple(tensor.shape) if rank == 4 else (None, None, None, 3)
    _, first, _, last = shape
    if first is not None and first <= FEW_CHANNELS and (last is None or last > FEW_CHANNELS):
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape}, channels first; expected them last: "
            "save the Keras model as .keras, which is changed on the way, and use MODEL=file.keras"
        )
    if last is None:
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape}; expected a known count of channels"
        )
    shape, note = input_size.fixed((None, *shape[1:]), res, first_layer.resizings(tensor), (), path)
    size_limits.check_image(shape[1:], f"MODEL '{path}'")
    return shape, (note,) if note else ()
