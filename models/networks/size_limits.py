"""Limits of a network's size, told in the first second, before anything of that size is made."""

from collections.abc import Callable, Sequence
from math import prod

from models.command_line.errors import RequestError

# Both file formats end at 2 GiB (TFLite's FlatBuffer, ONNX's Protobuf), which are so many float32
# weights: VGG16, the largest of keras.applications, has a quarter of them.
MAX_PARAMETERS = 1 << 29
# No network of ours has a last layer, or any layer, that could hold more within MAX_PARAMETERS.
MAX_CLASSES, MAX_ALPHA = 1 << 20, 32
# 268 MB as float32, e.g. 4730x4730 in colour; the first layer usually makes several times that.
MAX_IMAGE_VALUES = 1 << 26


def check_image(shape: Sequence[int | None], what: str) -> None:
    """RequestError, which begins with ``what``, for an image of ``shape`` (without the batch; None:
    left open) that has more values than can be computed with."""
    values = prod(side for side in shape if side is not None)
    if values > MAX_IMAGE_VALUES:
        sides = "x".join("?" if side is None else f"{side:,}" for side in shape)
        raise RequestError(
            f"{what} has an input of {sides}, {values:,} values; expected at most "
            f"{MAX_IMAGE_VALUES:,}: build the model for smaller images"
        )


def check_parameters(count: int, what: str) -> None:
    """RequestError, which begins with ``what``, for more weights than a file has room for."""
    if count > MAX_PARAMETERS:
        raise RequestError(
            f"{what} has {count:,} parameters; expected at most {MAX_PARAMETERS:,}, which is what "
            "a .tflite or .onnx file of float32 can hold"
        )


def build_checked(build: Callable, what: str):
    """The Keras model that ``build`` makes, whose weights get their memory once it is known how
    many they are. Imports TensorFlow."""
    import keras

    with keras.StatelessScope(initialize_variables=False) as scope:
        model = build()
        check_parameters(model.count_params(), what)
        scope.initialize_variables = True  # on leaving it
    return model
