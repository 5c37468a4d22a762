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
    scales or shifts the pixels before its first layer with a kernel.
    """

    keras_model: object
    height: int
    width: int
    channels: int
    classes: int
    output_kind: str
    has_preprocessing: bool


def load_user_model(path: Path) -> UserModel:
    """The classifier at ``path``: ``.keras``, ``.h5`` (Keras 2 or 3) or a SavedModel folder.

    Raises RequestError, in one line that names what was found, for anything else.
    """
    path = Path(path)
    if not path.exists():
        raise RequestError(
            f"MODEL is '{path}', which does not exist; expected a .keras or .h5 file or a "
            "SavedModel folder"
        )
    if path.is_dir():
        from models.keras_files.saved_model import open_saved_model

        model = open_saved_model(path)
    elif path.suffix.lower() in SUFFIXES:
        model = open_model(path)
    else:
        raise RequestError(
            f"MODEL is '{path}', with the suffix '{path.suffix}'; expected .keras, .h5 or a "
            "SavedModel folder"
        )
    height, width, channels = _image_shape(path, model)
    classes = _classes(path, model)
    return UserModel(
        keras_model=_plain(model),
        height=height,
        width=width,
        channels=channels,
        classes=classes,
        output_kind=output_kind(model),
        has_preprocessing=_has_preprocessing(model),
    )


def _image_shape(path, model) -> tuple[int, int, int]:
    """Height, width and channels of the model's one input; RequestError if it is no image."""
    inputs = _tensors(model, "inputs")
    if not inputs:
        raise RequestError(
            f"MODEL '{path}' has no input shape; expected one: build it with "
            "keras.Input((height, width, 3)) and save it again"
        )
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise RequestError(f"MODEL '{path}' has {len(inputs)} inputs ({names}); expected one image")
    shape, dtype = tuple(inputs[0].shape), str(inputs[0].dtype)
    if len(shape) != 4:
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape}; expected an image: "
            "[batch, height, width, channels]"
        )
    batch, height, width, channels = shape
    if channels not in (1, 3):
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape}; expected 1 or 3 channels, last"
        )
    if height is None or width is None:
        raise RequestError(
            f"MODEL '{path}' has an input of no fixed size, {shape}; expected one: with "
            f"x = keras.Input((224, 224, {channels})) save keras.Model(x, model(x)) and use "
            "MODEL=its file"
        )
    if batch not in (None, 1):
        raise RequestError(
            f"MODEL '{path}' has an input of fixed batch {batch}; expected a free batch or 1: "
            f"build it with keras.Input(({height}, {width}, {channels}))"
        )
    if dtype != "float32":
        raise RequestError(
            f"MODEL '{path}' has an input of type {dtype}; expected float32: build it with "
            "keras.Input(..., dtype='float32')"
        )
    return height, width, channels


def _classes(path, model) -> int:
    outputs = _tensors(model, "outputs")
    if len(outputs) != 1:
        names = ", ".join(tensor.name for tensor in outputs)
        raise RequestError(
            f"MODEL '{path}' has {len(outputs)} outputs ({names}); expected one: save "
            "keras.Model(model.input, model.outputs[0])"
        )
    shape, dtype = tuple(outputs[0].shape), str(outputs[0].dtype)
    if len(shape) != 2 or not shape[1]:
        raise RequestError(
            f"MODEL '{path}' has an output of shape {shape}; expected [batch, classes], e.g. of a "
            "GlobalAveragePooling2D and a Dense layer"
        )
    # The float graph is all float32, so a layer in half precision would change the numbers.
    reduced = next((each for each in _leaves(model) if _computes_in(each) != "float32"), None)
    if reduced is not None or dtype != "float32":
        found = f"layer {reduced.name} in {_computes_in(reduced)}" if reduced else dtype
        raise RequestError(
            f"MODEL '{path}' computes {found}; expected float32 throughout: build it under "
            "keras.config.set_dtype_policy('float32') and load its weights"
        )
    return shape[1]


def _plain(model):
    """The model with a tensor in and a tensor out, where it has lists or dicts of one."""
    import keras

    if isinstance(model, keras.Sequential) or (
        isinstance(model.input, keras.KerasTensor) and isinstance(model.output, keras.KerasTensor)
    ):
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _tensors(model, which) -> list:
    try:
        return list(getattr(model, which) or [])
    except AttributeError:  # Keras, of a Sequential that was never built
        return []


def _computes_in(operation) -> str:
    has_weights = bool(getattr(operation, "weights", ()))
    return operation.compute_dtype if has_weights else "float32"


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
