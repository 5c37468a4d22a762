"""Operators for graphs that the ONNX writer is tried on.

What is returned here takes a graph in the making and an image in it, [1, 6, 5, 4], and returns the
outputs; some are that themselves.
"""

import numpy as np

SAME, VALID = 0, 1
IMAGE = (1, 6, 5, 4)


def some(*shape, low=-1.0, high=1.0, seed=1):
    """Random float32 constants."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def ints(*values):
    return np.asarray(values, np.int32)


def channels_first(made):
    """An image that a convolution has made, so that it is channels first in the ONNX model."""
    image = made.input("image", IMAGE)
    return made.apply("CONV_2D", [image, some(4, 1, 1, 4), some(4)], IMAGE)


def as_it_comes(made):
    """An image that is an input, channels last."""
    return made.input("image", IMAGE)


def unary(kind, positive=False, **fields):
    def build(made, x):
        if positive:
            x = made.apply("ABS", [x], IMAGE)
            x = made.apply("ADD", [x, some(4, low=0.5)], IMAGE)
        return [made.apply(kind, [x], IMAGE, **fields)]

    return build


def with_image(kind, constant, shape=IMAGE, **fields):
    """A binary operator with a constant after the image."""

    def build(made, x):
        return [made.apply(kind, [x, constant], shape, **fields)]

    return build


def simple(kind, *settings, shape=IMAGE, dtypes=("float32",), **fields):
    def build(made, x):
        return [made.apply(kind, [x, *settings], shape, dtypes=dtypes, **fields)]

    return build


def converted(kind, *inputs, dtypes=("bool",)):
    """An operator whose output, which is no float, is cast into one."""

    def build(made, x):
        y = made.apply(kind, [x, *inputs], IMAGE, dtypes=dtypes)
        return [made.apply("CAST", [y], IMAGE)]

    return build


def equality(kind):
    """Where the image is as large as a limit."""

    def build(made, x):
        limited = made.apply("MINIMUM", [x, some(4)], IMAGE)
        return converted(kind, some(4))(made, limited)

    return build


def gated(made, x):
    """A product with one number for each channel, computed from the image."""
    mean = made.apply("MEAN", [x, ints(1, 2)], (1, 4))
    row = made.apply("FULLY_CONNECTED", [mean, some(4, 4), some(4)], (1, 4))
    gate = made.apply("RESHAPE", [row, ints(1, 1, 1, 4)], (1, 1, 1, 4))
    return [made.apply("MUL", [x, gate], IMAGE)]


def broadcast_of_rank_3(made, x):
    return [made.apply("ADD", [x, some(5, 1)], IMAGE)]


def split(made, x):
    return made.apply("SPLIT", [ints(3).reshape(()), x], (1, 6, 5, 2), (1, 6, 5, 2), numSplits=2)


def split_v(made, x):
    sizes = (1, 2, 5, 4), (1, 4, 5, 4)
    return made.apply("SPLIT_V", [x, ints(2, 4), ints(1).reshape(())], *sizes, numSplits=2)


def unpack(made, x):
    return made.apply("UNPACK", [x], *[(1, 6, 5)] * 4, num=4, axis=3)


def pack(made, x):
    y = made.apply("NEG", [x], IMAGE)
    return [made.apply("PACK", [x, y], (1, 6, 2, 5, 4), axis=2, valuesCount=2)]


def concatenation(made, x):
    y = made.apply("NEG", [x], IMAGE)
    return [made.apply("CONCATENATION", [x, y, x], (1, 6, 5, 12), axis=3)]


def concatenation_of_rows(made, x):
    y = made.apply("NEG", [x], IMAGE)
    return [made.apply("CONCATENATION", [x, y], (1, 12, 5, 4), axis=-3)]


def shuffle(made, x):
    """Channels of two groups taken in turns."""
    apart = made.apply("RESHAPE", [x, ints(1, 6, 5, 2, 2)], (1, 6, 5, 2, 2))
    turned = made.apply("TRANSPOSE", [apart, ints(0, 1, 2, 4, 3)], (1, 6, 5, 2, 2))
    y = made.apply("RESHAPE", [turned, ints(*IMAGE)], IMAGE)
    return [made.apply("CONV_2D", [y, some(3, 1, 1, 4), some(3)], (1, 6, 5, 3))]


def attention(made, x):
    """Every place of the image looks at every other, with two heads."""
    rows = made.apply("RESHAPE", [x, ints(1, 30, 4)], (1, 30, 4))
    heads = []
    for i in range(3):
        row = made.apply(
            "FULLY_CONNECTED", [rows, some(4, 4, seed=i), some(4)], (1, 30, 4), keepNumDims=True
        )
        row = made.apply("RESHAPE", [row, ints(1, 30, 2, 2)], (1, 30, 2, 2))
        heads.append(made.apply("TRANSPOSE", [row, ints(0, 2, 1, 3)], (1, 2, 30, 2)))
    scores = made.apply("BATCH_MATMUL", heads[:2], (1, 2, 30, 30), adjY=True)
    weights = made.apply("SOFTMAX", [scores], (1, 2, 30, 30))
    found = made.apply("BATCH_MATMUL", [weights, heads[2]], (1, 2, 30, 2))
    back = made.apply("TRANSPOSE", [found, ints(0, 2, 1, 3)], (1, 30, 2, 2))
    image = made.apply("RESHAPE", [back, ints(*IMAGE)], IMAGE)
    return [made.apply("ADD", [image, x], IMAGE)]


def top_k(made, x):
    shapes = (1, 6, 5, 2), (1, 6, 5, 2)
    return made.apply("TOPK_V2", [x, ints(2).reshape(())], *shapes, dtypes=("float32", "int32"))


def one_class(made, x):
    """A softmax over one class, which is 1 everywhere; ONNX Runtime's integer kernel gives 256."""
    mean = made.apply("MEAN", [x, ints(3)], (1, 6, 5, 1), keepDims=True)
    share = made.apply("SOFTMAX", [mean], (1, 6, 5, 1))
    return [made.apply("MUL", [x, share], IMAGE)]


def softmaxes(kind, shape, move=False):
    """Of a few classes, quantized again to what lies beside them."""

    def build(made, x):
        found = []
        for number in range(2):
            kernel = some(2, 1, 1, 4, seed=number) * np.float32(3)
            logits = made.apply("CONV_2D", [x, kernel, some(2)], (1, 6, 5, 2))
            shares = made.apply("SOFTMAX", [logits], (1, 6, 5, 2))
            if move:
                shares = made.apply("RESHAPE", [shares, ints(1, 30, 2)], (1, 30, 2))
            found.append(shares)
        fields = {"valuesCount": 2} if kind == "PACK" else {}
        return [made.apply(kind, found, shape, axis=1, **fields)]

    return build


def one_hot(made, x):
    axis = ints(3).reshape(())
    best = made.apply("ARG_MAX", [x, axis], (1, 6, 5), dtypes=("int32",), outputType=2)
    settings = ints(4).reshape(()), some(1).reshape(()), some(1, seed=2).reshape(())
    return [made.apply("ONE_HOT", [best, *settings], IMAGE, axis=-1)]


def gather_nd(made, x):
    return [made.apply("GATHER_ND", [x, ints([0, 1, 2], [0, 5, 4])], (2, 4))]


def chosen(kind):
    def build(made, x):
        condition = made.apply("LESS", [x, some(1)], IMAGE, dtypes=("bool",))
        y = made.apply("NEG", [x], IMAGE)
        return [made.apply(kind, [condition, x, y], IMAGE)]

    return build


def logical(made, x):
    low = made.apply("LESS", [x, some(4)], IMAGE, dtypes=("bool",))
    high = made.apply("GREATER", [x, some(4)], IMAGE, dtypes=("bool",))
    both = made.apply("LOGICAL_OR", [low, high], IMAGE, dtypes=("bool",))
    neither = made.apply("LOGICAL_NOT", [both], IMAGE, dtypes=("bool",))
    any_of = made.apply("LOGICAL_AND", [low, neither], IMAGE, dtypes=("bool",))
    casts = [made.apply("CAST", [one], IMAGE) for one in (low, any_of)]
    return [made.apply("ADD", casts, IMAGE)]


def truths(kind, limit):
    def build(made, x):
        low = made.apply("LESS", [x, np.full(1, limit, np.float32)], IMAGE, dtypes=("bool",))
        found = made.apply(kind, [low, ints(2)], (1, 6, 4), dtypes=("bool",))
        return [made.apply("CAST", [found], (1, 6, 4))]

    return build


def sum_of_three(made, x):
    y = made.apply("NEG", [x], IMAGE)
    return [made.apply("ADD_N", [x, y, x], IMAGE)]


def several_outputs(made, x):
    """A map, a row that is read again, and the number of the largest."""
    row = made.apply("MEAN", [x, ints(1, 2)], (1, 4))
    scores = made.apply("SOFTMAX", [row], (1, 4))
    return [x, row, scores]


def reshaped_outputs(made, x):
    """The same numbers twice, in other shapes."""
    flat = made.apply("RESHAPE", [x, ints(1, 120)], (1, 120))
    wide = made.apply("RESHAPE", [x, ints(1, 30, 4)], (1, 30, 4))
    turned = made.apply("TRANSPOSE", [x, ints(0, 3, 1, 2)], (1, 4, 6, 5))
    return [flat, wide, turned]


def sizes_in_the_graph(made, x):
    """A Flatten that computes its shape."""
    shape = made.apply("SHAPE", [x], (4,), dtypes=("int32",), outType=2)
    batch = made.apply(
        "STRIDED_SLICE", [shape, ints(0), ints(1), ints(1)], (), dtypes=("int32",), shrinkAxisMask=1
    )
    flat = made.apply(
        "PACK", [batch, ints(120).reshape(())], (2,), dtypes=("int32",), valuesCount=2
    )
    return [made.apply("RESHAPE", [x, flat], (1, 120))]


def filled(made, x):
    ones = made.apply("FILL", [ints(*IMAGE), some(1).reshape(())], IMAGE)
    return [made.apply("SUB", [x, ones], IMAGE)]


def blocks(made, x):
    """A convolution of every second pixel, as TensorFlow writes a dilated one."""
    apart = made.apply("SPACE_TO_BATCH_ND", [x, ints(2, 2), ints([1, 1], [2, 1])], (4, 4, 4, 4))
    y = made.apply(
        "DEPTHWISE_CONV_2D", [apart, some(1, 3, 3, 4), some(4)], (4, 2, 2, 4), padding=VALID
    )
    return [made.apply("BATCH_TO_SPACE_ND", [y, ints(2, 2), ints([0, 0], [1, 0])], (1, 4, 3, 4))]


def padded_twice(made, x):
    """Zeros that a convolution takes over and a pooling does not."""
    y = made.apply("PAD", [x, ints([0, 0], [0, 1], [1, 2], [0, 0])], (1, 7, 8, 4))
    first = made.apply(
        "CONV_2D", [y, some(4, 3, 3, 4), some(4)], (1, 3, 3, 4), padding=VALID, strideH=2, strideW=2
    )
    second = made.apply(
        "MAX_POOL_2D",
        [y],
        (1, 3, 4, 4),
        padding=VALID,
        strideH=2,
        strideW=2,
        filterHeight=2,
        filterWidth=2,
    )
    return [first, second]


def resized(kind, size, **fields):
    return simple(kind, ints(*size), shape=(1, *size, 4), **fields)
