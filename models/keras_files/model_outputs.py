"""The outputs of a user's model: names, shapes and kinds, or why it has none to export."""

from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.keras_files.output_kind import Meaning, meaning, settled
from models.networks import demo
from models.networks.output_tensor import ROW_NAMES, OutputTensor, file_names
from models.networks.spec import Preprocess

LOOKED_AT = 16  # images on which values tell what the graph does not


def model_outputs(
    path: Path, model, function, preprocess: Preprocess
) -> tuple[tuple[OutputTensor, ...], str]:
    """The outputs of ``model``, and why they are taken for what they are: the end of a sentence
    that begins with "since".

    ``function``: its traced function of one image. RequestError for outputs that are no float
    numbers of a fixed shape for each image.
    """
    shapes = [
        _shape(path, tensor, known)
        for tensor, known in zip(function.outputs, model.outputs, strict=True)
    ]
    meanings = [meaning(tensor) for tensor in function.outputs]
    unsure = [n for n, found in enumerate(meanings) if not found.is_sure]
    if unsure:
        rows = _rows(model, function, preprocess)
        for n in unsure:
            meanings[n] = settled(meanings[n], rows[n])
    found = zip(_names(model, meanings), shapes, meanings, strict=True)
    outputs = tuple(OutputTensor(name, shape, each.kind) for name, shape, each in found)
    return outputs, meanings[0].reason


def _shape(path: Path, tensor, known) -> tuple[int, ...]:
    """The shape of one image's output: as traced, or as Keras knows it where that is open."""
    if tensor.dtype.name != "float32":
        raise RequestError(
            f"MODEL '{path}' has an output of type {tensor.dtype.name}; expected float32: end the "
            "model before its argmax or cast"
        )
    shape = tensor.shape
    if not (shape.rank and shape[1:].is_fully_defined()):
        shape = [tensor.shape[0] if tensor.shape.rank else None, *known.shape[1:]]
    batch, *sizes = list(shape)
    if batch not in (None, 1) or None in sizes or not sizes or 0 in sizes:
        raise RequestError(
            f"MODEL '{path}' has an output of shape {tuple(known.shape)}; expected a fixed number "
            "of values for each image: [batch, classes] or [batch, height, width, channels]"
        )
    return tuple(int(n) for n in sizes)


def _names(model, meanings: list[Meaning]) -> list[str]:
    """Names in the files: what a single output holds, or the names of several in the model."""
    if len(meanings) == 1:
        return [ROW_NAMES.get(meanings[0].kind, "values")]
    return file_names(stored_names(model))


def stored_names(model) -> list[str]:
    """The names of the outputs of ``model``: its keys where it gives a dictionary."""
    import keras

    paths = [
        str(path[-1]) if path else "" for path, _ in keras.tree.flatten_with_path(model.output)
    ]
    is_named = not all(name.isdigit() for name in paths)
    return paths if is_named else list(model.output_names)


def pictures(height: int, width: int, channels: int, preprocess: Preprocess) -> np.ndarray:
    """Some real images of that size, preprocessed, float32 [n, h, w, c]."""
    with np.load(demo.FOLDER / "images.npz", allow_pickle=False) as arrays:
        small = arrays["calib_images"][:LOOKED_AT]
    rows = np.arange(height) * small.shape[1] // height
    columns = np.arange(width) * small.shape[2] // width
    pixels = small.reshape(small.shape[:3])[:, rows][:, :, columns, None].astype(np.float32)
    made = pixels * np.float32(preprocess.scale) + np.float32(preprocess.offset)
    return np.repeat(made, channels, axis=3)


def _rows(model, function, preprocess: Preprocess) -> list[np.ndarray]:
    """Of each output its values [n, k] for some real images."""
    import keras

    images = pictures(*function.inputs[0].shape[1:], preprocess)
    found = [keras.tree.flatten(model(image[None], training=False)) for image in images]
    return [np.stack([np.ravel(tensor) for tensor in each]) for each in zip(*found, strict=True)]
