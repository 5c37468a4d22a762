"""Operations that TensorFlow's converter cannot turn into TFLite are said in one line."""

import pytest
from user_models import keras_parts, small

from models.command_line.errors import RequestError
from models.keras_files.float_graph import convert

pytestmark = pytest.mark.usefixtures("fresh_keras")


def message(model, shape=(16, 16, 3)):
    with pytest.raises(RequestError) as caught:
        convert(model, *shape)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_operations_without_an_operator_of_tflite_are_named_with_their_layers(capfd):
    keras, layers = keras_parts()
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3)(image)
    x = layers.Flatten()(keras.ops.cumprod(x, axis=1))
    model = keras.Model(image, layers.Dense(3)(keras.ops.erfinv(x)), name="net")
    capfd.readouterr()
    line = message(model)
    assert "uses Cumprod, Erfinv (net" in line
    assert "/Cumprod" in line
    assert "replace the layer" in line
    printed = capfd.readouterr()
    assert "MLIR" not in printed.err + printed.out
    assert "error:" not in printed.err


def test_an_image_that_the_network_does_not_take_is_said_in_one_line():
    assert "cannot be converted to TFLite" in message(small((32, 32, 3)), (32, 32, 1))
