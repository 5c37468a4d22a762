"""MODEL=path: the user's own Keras image classifier, loaded in safe mode and looked over."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import RequestError
from models.keras_files.final_activation import output_kind, without_final_activation
from models.keras_files.model_file import open_model

__all__ = ["UserModel", "load_user_model", "without_final_activation"]

SUFFIXES = (".keras", ".h5", ".hdf5")
PREPROCESSING = (
    "Rescaling", "Normalization", "Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative",
)  # fmt: skip


@dataclass(frozen=True)
class UserModel:
    """A loaded model: a ``keras.Model`` of one image in and one row of classes out.

    float32 [batch, height, width, channels] in, float32 [batch, classes] out; ``output_kind`` is
    ``softmax``, ``sigmoid`` or ``logits``; ``has_preprocessing`` tells that the model itself
    scales or shifts the pixels before its first layer with a kernel, or takes whole numbers.
    ``notes`` are sentences that say what is not as it was stored.
    """

    keras_model: object
    height: int
    width: int
    channels: int
    classes: int
    output_kind: str
    has_preprocessing: bool
    notes: tuple[str, ...] = ()


def load_user_model(path: Path, res: int | None = None) -> UserModel:
    """The classifier at ``path``: ``.keras``, ``.h5`` (Keras 2 or 3) or a SavedModel folder.

    ``res`` is the input size in pixels of a model that leaves it open. Raises RequestError, in one
    line that names what was found, for anything else.
    """
    path = Path(path)
    if not path.exists():
        raise RequestError(
            f"MODEL is '{path}', which does not exist; expected a .keras or .h5 file or a "
            "SavedModel folder"
        )
    if path.is_dir():
        from models.keras_files.saved_model import open_saved_model

        opened = open_saved_model(path, res)
    elif path.suffix.lower() in SUFFIXES:
        opened = open_model(path, res)
    else:
        raise RequestError(
            f"MODEL is '{path}', with the suffix '{path.suffix}'; expected .keras, .h5 or a "
            "SavedModel folder"
        )
    model = opened.keras_model
    height, width, channels = _image_shape(path, model)
    classes = _classes(path, model)
    return UserModel(
        keras_model=_plain(model),
        height=height,
        width=width,
        channels=channels,
        classes=classes,
        output_kind=output_kind(model),
        has_preprocessing=opened.takes_pixels or _has_preprocessing(model),
        notes=opened.notes,
    )


def _image_shape(path, model) -> tuple[int, int, int]:
    """Height, width and channels of the model's one input; RequestError if it is no image."""
    inputs = model.inputs
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise RequestError(f"MODEL '{path}' has {len(inputs)} inputs ({names}); expected one image")
    shape, dtype = tuple(inputs[0].shape), str(inputs[0].dtype)
    if len(shape) != 4:
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape}; expected an image: "
            "[batch, height, width, channels]"
        )
    _, height, width, channels = shape
    if channels is None or dtype != "float32":
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape} and type {dtype}; expected numbers in a "
            "known count of channels: build it with keras.Input((height, width, channels))"
        )
    return height, width, channels


def _classes(path, model) -> int:
    outputs = model.outputs
    if len(outputs) != 1:
        names = ", ".join(tensor.name for tensor in outputs)
        raise RequestError(
            f"MODEL '{path}' has {len(outputs)} outputs ({names}); expected one: save "
            "keras.Model(model.input, model.outputs[0])"
        )
    shape = tuple(outputs[0].shape)
    if len(shape) != 2 or not shape[1]:
        raise RequestError(
            f"MODEL '{path}' has an output of shape {shape}; expected [batch, classes], e.g. of a "
            "GlobalAveragePooling2D and a Dense layer"
        )
    return shape[1]


def _plain(model):
    """The model with a tensor in and a tensor out, where it has lists or dicts of one."""
    import keras

    if isinstance(model.input, keras.KerasTensor) and isinstance(model.output, keras.KerasTensor):
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _leaves(model) -> Iterator:
    """Layers and operations in the order they are computed, nested models opened."""
    import keras

    for operation in getattr(model, "operations", None) or model.layers:
        if isinstance(operation, keras.Model):
            yield from _leaves(operation)
        else:
            yield operation


def _has_preprocessing(model) -> bool:
    for operation in _leaves(model):
        if hasattr(operation, "has_preprocessing"):
            return operation.has_preprocessing
        if type(operation).__name__ in PREPROCESSING:
            return True
        if any(len(weight.shape) > 1 for weight in getattr(operation, "weights", ())):
            return False
    return False
