"""Models whose images have their channels first, rebuilt with them last.

TensorFlow on CPUs and TFLite compute with channels last only. ``last_throughout`` changes the whole
configuration; it is used where the outputs stay the same, otherwise each layer is called between
two transpositions (``called_in_last``), which is right always, and slower.
"""

import copy

from models.keras_files.layer_calls import MODEL_CLASSES

# Position of an axis of [batch, channels, height, width] once the channels are last.
MOVED = {1: 3, 2: 1, 3: 2, -1: 2, -2: 1, -3: 3, 0: 0}
WITH_AXIS = (
    "BatchNormalization", "LayerNormalization", "GroupNormalization", "Normalization",
    "UnitNormalization", "Concatenate", "Softmax",
)  # fmt: skip
TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)


def has_channels_first(config) -> bool:
    """True where a layer of the configuration has its channels first."""
    if isinstance(config, dict):
        return config.get("data_format") == "channels_first" or any(
            has_channels_first(each) for each in config.values()
        )
    return isinstance(config, list) and any(has_channels_first(each) for each in config)


def moved(shape: tuple, order: tuple[int, ...]) -> tuple:
    """``shape`` after the transposition ``order``."""
    return tuple(shape[axis] for axis in order)


def called_in_last(layer, image, *args, **kwargs):
    """Output, channels first, of a layer with channels last on an ``image`` with channels first."""
    import keras

    if len(image.shape) != 4:
        return layer(image, *args, **kwargs)
    output = layer(keras.ops.transpose(image, TO_LAST), *args, **kwargs)
    return keras.ops.transpose(output, TO_FIRST) if len(output.shape) == 4 else output


def behind_transposition(keras_model):
    """``keras_model``, of [batch, channels, height, width], for images with channels last."""
    import keras

    batch, channels, height, width = keras_model.inputs[0].shape
    image = keras.Input(batch_shape=(batch, height, width, channels), name="image")
    return keras.Model(
        image, keras_model(keras.ops.transpose(image, TO_FIRST)), name=keras_model.name
    )


def last_throughout(config: dict, built) -> dict:
    """A copy of ``config``, which ``built`` was built from, with channels last in every layer.

    It may compute something else where a layer mixes the axes: compare the outputs.
    """
    made = copy.deepcopy(config)
    _change_model(made, built)
    return made


def _change_model(config, built):
    settings = config["config"]
    parts = {part.stored_name: part for part in built.parts}
    layers = settings if isinstance(settings, list) else settings["layers"]
    if isinstance(settings, dict):
        _move_shape(settings, "build_input_shape")
    for layer in layers:
        part = parts.get(layer.get("name") or layer["config"]["name"])
        if part is not None and part.stored_class in MODEL_CLASSES:
            _change_model(layer, part)
        else:
            _change_layer(layer, part)


def _change_layer(config, part):
    settings = config["config"]
    for key in ("batch_shape", "batch_input_shape", "input_shape"):
        _move_shape(settings, key)
    if settings.get("data_format") == "channels_first":
        settings["data_format"] = "channels_last"
    kind = config["class_name"]
    if kind in WITH_AXIS and _rank(part, "input") == 4:
        axis = settings.get("axis", -1)
        if isinstance(axis, list):
            settings["axis"] = sorted(MOVED[each] for each in axis)
        else:
            settings["axis"] = MOVED[axis]
    if kind == "Reshape" and _rank(part, "output") == 4:
        channels, height, width = settings["target_shape"]
        settings["target_shape"] = [height, width, channels]


def _move_shape(settings, key):
    shape = settings.get(key)
    if isinstance(shape, list) and len(shape) == 4:
        settings[key] = [shape[0], shape[2], shape[3], shape[1]]


def _rank(part, which) -> int:
    tensor = getattr(part.layer, which, None) if part is not None else None
    tensor = tensor[0] if isinstance(tensor, list) else tensor
    return len(tensor.shape) if tensor is not None else 0
