"""MODEL=path: the user's own Keras model of images, built of what is stored, and looked over."""

from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import RequestError
from models.keras_files import conversion_errors, needed_memory, traced
from models.keras_files.final_activation import logits_of, without_final_activation
from models.keras_files.first_layer import values_ahead
from models.keras_files.model_file import open_model
from models.keras_files.model_outputs import model_outputs, stored_names
from models.networks import input_scaling
from models.networks.input_scaling import RAW, InputScaling
from models.networks.output_tensor import OutputTensor, class_count, overall_kind

__all__ = ["UserModel", "load_user_model", "logits_of", "without_final_activation"]

SUFFIXES = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True)
class UserModel:
    """A loaded model: a ``keras.Model`` of one image in.

    float32 [batch, height, width, channels] in, ``outputs`` out, one float32 tensor or several;
    ``outputs_reason`` says why they are taken for what they are. ``scaling``: what the pixels are
    to become ahead of it. ``notes`` are sentences that say what is not as it was stored.
    """

    keras_model: object
    height: int
    width: int
    channels: int
    outputs: tuple[OutputTensor, ...]
    outputs_reason: str
    scaling: InputScaling
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """The number of classes that the outputs tell apart; 0 where they are no classes."""
        return class_count(self.outputs)

    @property
    def output_kind(self) -> str:
        return overall_kind(self.outputs)


def load_user_model(path: Path, res: int | None = None) -> UserModel:
    """The model at ``path``: ``.keras``, ``.h5`` (Keras 2 or 3) or a SavedModel folder.

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
    elif path.suffix.lower() in SUFFIXES:  # which looks whether it is a file at all
        opened = open_model(path, res)
    else:
        raise RequestError(
            f"MODEL is '{path}', with the suffix '{path.suffix}'; expected .keras, .h5 or a "
            "SavedModel folder"
        )
    model, notes = _of_images(opened.keras_model, opened.notes)
    height, width, channels = _image_shape(path, model)
    model, left_out = _with_float_outputs(model)
    plain, notes = _plain(model), (*notes, *left_out)
    with conversion_errors.as_one_line():
        function = traced.traced_model(plain, height, width, channels).function
    needed_memory.check(path, function.graph)
    scaling = input_scaling.judge(values_ahead(function))
    if opened.takes_pixels:
        scaling = InputScaling(RAW, "the model takes whole numbers, which pixels are")
    outputs, reason = model_outputs(path, plain, function, scaling.preprocess)
    return UserModel(
        keras_model=plain,
        height=height,
        width=width,
        channels=channels,
        outputs=outputs,
        outputs_reason=reason,
        scaling=scaling,
        notes=notes,
    )


def _of_images(model, notes: tuple[str, ...]) -> tuple[object, tuple[str, ...]]:
    """``model``, where it reads grey images [height, width] as one of [height, width, 1]; notes."""
    import keras

    shape = tuple(model.inputs[0].shape)
    if len(model.inputs) != 1 or len(shape) != 3 or None in shape[1:]:
        return model, notes
    image = keras.Input((*shape[1:], 1), dtype=model.inputs[0].dtype)
    taken = keras.layers.Reshape(shape[1:])(image)
    note = f"input of shape {list(shape[1:])}: takes grey images {[*shape[1:], 1]}"
    return keras.Model(image, model(taken), name=model.name), (*notes, note)


def _image_shape(path, model) -> tuple[int, int, int]:
    """Height, width and channels of the model's one input; RequestError if it is no image."""
    inputs = model.inputs
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise RequestError(f"MODEL '{path}' has {len(inputs)} inputs ({names}); expected one image")
    shape, dtype = tuple(inputs[0].shape), str(inputs[0].dtype)
    if len(shape) != 4:
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape}; expected an image: [batch, height, "
            "width, channels]; where it takes its pixels in a row, put a Reshape ahead of it"
        )
    _, height, width, channels = shape
    if channels is None or dtype != "float32":
        raise RequestError(
            f"MODEL '{path}' has an input of shape {shape} and type {dtype}; expected numbers in a "
            "known count of channels: build it with keras.Input((height, width, channels))"
        )
    return height, width, channels


def _with_float_outputs(model) -> tuple[object, list[str]]:
    """``model`` without outputs that are there before or are no floats, where it has others; and
    notes."""
    import keras

    kept, left_out = {}, []
    for name, tensor in zip(stored_names(model), model.outputs, strict=True):
        if any(tensor is each for each in kept.values()):
            left_out.append(f"output {name} is the same as one before it; left out")
        elif "float" not in tensor.dtype:
            left_out.append(f"output {name} is of type {tensor.dtype}; left out")
        else:
            kept[name] = tensor
    if not left_out or not kept:
        return model, []
    return keras.Model(model.inputs, kept, name=model.name), left_out


def _plain(model):
    """The model with a tensor in and a tensor out, where it has lists or dicts of one."""
    import keras

    is_several = len(model.outputs) > 1
    if isinstance(model.input, keras.KerasTensor) and (
        is_several or isinstance(model.output, keras.KerasTensor)
    ):
        return model
    output = model.output if is_several else model.outputs[0]
    return keras.Model(model.inputs[0], output, name=model.name)
