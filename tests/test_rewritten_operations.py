"""Operations that TFLite lacks or that its converter gets wrong: LiteRT gives what Keras does."""

import numpy as np
import pytest
from user_models import keras_parts

from models.keras_files import float_graph
from quantize.graph.graph import Graph
from quantize.runtime.model_session import open_session

pytestmark = pytest.mark.usefixtures("fresh_keras")

SHAPE = (9, 8, 3)
DRAW = np.random.default_rng(4)
ROW = DRAW.normal(size=(1, 3, 1, 1)).astype(np.float32)
MAP = DRAW.normal(size=(1, 3, 9, 8)).astype(np.float32)


def layer(kind, *arguments, **settings):
    return lambda ops, layers, x: getattr(layers, kind)(*arguments, **settings)(x)


def channels_first(compute):
    """``compute`` on an image whose channels a Transpose has put first."""
    return lambda ops, layers, x: compute(ops, ops.transpose(x, (0, 3, 1, 2)))


def volume(kind, **settings):
    def build(ops, layers, x):
        return getattr(layers, kind)(2, **settings)(layers.Reshape((9, 4, 2, 3))(x))

    return build


CASES = {
    "bicubic": layer("Resizing", 13, 5, interpolation="bicubic"),
    "area": layer("Resizing", 4, 5, interpolation="area"),
    "lanczos": layer("Resizing", 13, 5, interpolation="lanczos3"),
    "bicubic upsampling": layer("UpSampling2D", 2, interpolation="bicubic"),
    "antialiased": lambda ops, layers, x: ops.image.resize(x, (4, 5), antialias=True),
    "dilated transposed": layer("Conv2DTranspose", 4, (3, 2), dilation_rate=2),
    "dilated transposed same": layer("Conv2DTranspose", 4, 3, dilation_rate=2, padding="same"),
    "argmax": lambda ops, layers, x: ops.one_hot(ops.argmax(x, -1), 3),
    "erf": lambda ops, layers, x: ops.erf(x * 2),
    "erfc": lambda ops, layers, x: ops.erfc(x),
    "tan": lambda ops, layers, x: ops.tan(x),
    "sinh and cosh": lambda ops, layers, x: ops.sinh(x) + ops.cosh(x),
    "maximum of volumes": volume("MaxPooling3D"),
    "mean of volumes": volume("AveragePooling3D", padding="same"),
    "patches": lambda ops, layers, x: ops.image.extract_patches(x, 3, strides=2),
    "number minus transposed": channels_first(lambda ops, x: 1.5 - x),
    "number by transposed": channels_first(lambda ops, x: 1.5 / (x + 3)),
    "row minus transposed": channels_first(lambda ops, x: ops.subtract(ROW, x)),
    "map minus transposed": channels_first(lambda ops, x: ops.subtract(MAP, x)),
    "map by transposed": channels_first(lambda ops, x: ops.divide(MAP, x + 3)),
    "sigmoid's other side, transposed": channels_first(lambda ops, x: x * (1 - ops.sigmoid(x))),
}


def converted(build):
    keras, layers = keras_parts()
    image = keras.Input(SHAPE)
    model = keras.Model(image, build(keras.ops, layers, image))
    return model, float_graph.convert(model, *SHAPE)


@pytest.mark.parametrize("build", CASES.values(), ids=CASES.keys())
def test_it_computes_what_keras_does(build):
    model, content = converted(build)
    image = DRAW.uniform(-1, 1, (1, *SHAPE)).astype(np.float32)
    session = open_session("litert", content)
    session.feed(image)
    session.run()
    try:
        expected = np.asarray(model(image))
    except Exception as error:
        if "do not yet support dilation" not in str(error):
            raise
        pytest.skip("TensorFlow has no dilated transposed convolution on this processor")
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(session.output(), expected, atol=1e-5, rtol=1e-5)


def test_a_gelu_stays_one_operator():
    _, content = converted(layer("Activation", "gelu"))
    assert list(Graph(content).op_histogram) == ["GELU"]


def test_a_network_with_nothing_to_rewrite_is_left_alone():
    from models.keras_files import rewritten_operations, traced

    keras, layers = keras_parts()
    image = keras.Input(SHAPE)
    model = keras.Model(image, layers.Conv2D(4, 3)(1 - image))  # no Transpose in it
    assert not rewritten_operations.rewrite(traced.take(model, *SHAPE))
