"""Graphs of one operator each, or of a few that belong together, for the ONNX writer.

A case takes a graph in the making and an image in it, [1, 6, 5, 4], and returns the outputs.
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


def volume(padding, steps, shape):
    def build(made, x):
        x = made.apply("RESHAPE", [x, ints(1, 6, 5, 2, 2)], (1, 6, 5, 2, 2))
        weights = some(3, 2, 1, 2, 3), some(3)
        strides = dict(zip(("strideD", "strideH", "strideW"), steps, strict=True))
        options = {f"dilation{axis}Factor": 1 for axis in "DHW"}
        made_of = [x, *weights]
        return [made.apply("CONV_3D", made_of, shape, padding=padding, **strides, **options)]

    return build


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


def convolution(out, window, padding=SAME, stride=(1, 1), dilation=(1, 1), groups=1, **fields):
    def build(made, x):
        kernel = some(out, *window, 4 // groups)
        reach = [d * (w - 1) + 1 for d, w in zip(dilation, window, strict=True)]
        sizes = [
            -(-n // s) if padding == SAME else -(-(n - r + 1) // s)
            for n, r, s in zip(IMAGE[1:3], reach, stride, strict=True)
        ]
        steps = {"strideH": stride[0], "strideW": stride[1]}
        steps |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
        inputs = [x, kernel, some(out)]
        return [made.apply("CONV_2D", inputs, (1, *sizes, out), padding=padding, **steps, **fields)]

    return build


def depthwise(multiplier, stride, dilation=1, size=(6, 5)):
    def build(made, x):
        inputs = [x, some(1, 3, 3, 4 * multiplier), some(4 * multiplier)]
        steps = {"strideH": stride, "strideW": stride}
        steps |= {"dilationHFactor": dilation, "dilationWFactor": dilation}
        shape = (1, *size, 4 * multiplier)
        return [made.apply("DEPTHWISE_CONV_2D", inputs, shape, depthMultiplier=multiplier, **steps)]

    return build


def transposed(window, stride, padding, size, **fields):
    def build(made, x):
        inputs = [ints(1, *size, 3), some(3, *window, 4), x]
        steps = {"strideH": stride, "strideW": stride}
        return [
            made.apply("TRANSPOSE_CONV", inputs, (1, *size, 3), padding=padding, **steps, **fields)
        ]

    return build


def pool(kind, window, stride, padding, size, **fields):
    steps = {"strideH": stride, "strideW": stride, "filterHeight": window, "filterWidth": window}
    return simple(kind, shape=(1, *size, 4), padding=padding, **steps, **fields)


def dense(shape, bias=True, **fields):
    """A dense layer with the axes before the last as they are, or flattened by the layer."""

    def build(made, x):
        length = shape[-1] if fields.get("keepNumDims") else 120
        y = x if shape == IMAGE else made.apply("RESHAPE", [x, ints(*shape)], shape)
        result = (*shape[:-1], 3) if fields.get("keepNumDims") else (1, 3)
        inputs = [y, some(3, length), some(3) if bias else None]
        return [made.apply("FULLY_CONNECTED", inputs, result, **fields)]

    return build


CASES = {
    # convolutions
    "convolution same": convolution(3, (3, 3)),
    "convolution valid": convolution(3, (3, 2), VALID),
    "convolution strides": convolution(3, (3, 3), SAME, (2, 3)),
    "convolution stride above window": convolution(3, (1, 1), SAME, (3, 2)),
    "convolution dilated": convolution(3, (3, 3), SAME, dilation=(2, 2)),
    "convolution even window": convolution(3, (2, 4), SAME, (2, 1)),
    "convolution groups": convolution(6, (3, 3), groups=2),
    "convolution relu6": convolution(3, (1, 1), fusedActivationFunction=3),
    "convolution relu": convolution(3, (1, 1), fusedActivationFunction=1),
    "convolution relu n1 to 1": convolution(3, (1, 1), fusedActivationFunction=2),
    "depthwise": depthwise(1, 1),
    "depthwise multiplier": depthwise(3, 1),
    "depthwise stride": depthwise(2, 2, size=(3, 3)),
    "depthwise dilated": depthwise(1, 1, 2),
    "transposed same": transposed((3, 3), 2, SAME, (12, 10)),
    "transposed same, odd": transposed((3, 3), 2, SAME, (11, 9)),
    "transposed valid": transposed((3, 2), 2, VALID, (13, 10)),
    "transposed, stride above window": transposed((2, 2), 3, VALID, (18, 15)),
    "transposed, fused": transposed((4, 4), 2, SAME, (12, 10), fusedActivationFunction=1),
    "volume same": volume(SAME, (2, 1, 1), (1, 3, 5, 2, 3)),
    "volume valid": volume(VALID, (1, 2, 1), (1, 4, 2, 2, 3)),
    # pooling
    "average pool same": pool("AVERAGE_POOL_2D", 3, 2, SAME, (3, 3)),
    "average pool valid": pool("AVERAGE_POOL_2D", 2, 2, VALID, (3, 2)),
    "max pool same": pool("MAX_POOL_2D", 3, 2, SAME, (3, 3)),
    "max pool valid": pool("MAX_POOL_2D", 3, 1, VALID, (4, 3), fusedActivationFunction=1),
    "l2 pool": pool("L2_POOL_2D", 2, 2, SAME, (3, 3)),
    # dense
    "dense of rank 2": dense((1, 120)),
    "dense without bias": dense((1, 120), bias=False),
    "dense that flattens": dense(IMAGE),
    "dense of rank 3": dense((1, 30, 4), keepNumDims=True),
    "dense of rank 3, fused": dense((1, 30, 4), keepNumDims=True, fusedActivationFunction=1),
    "dense over a map": dense(IMAGE, keepNumDims=True),
    "dense over a map, fused": dense(
        IMAGE, bias=False, keepNumDims=True, fusedActivationFunction=3
    ),
    "attention": attention,
    # elementwise
    "add": with_image("ADD", some(4)),
    "add of one number": with_image("ADD", some(1)),
    "add of a map": with_image("ADD", some(*IMAGE)),
    "add of rank 2": broadcast_of_rank_3,
    "add fused": with_image("ADD", some(4), fusedActivationFunction=3),
    "sub": with_image("SUB", some(4)),
    "mul": with_image("MUL", some(1, 6, 5, 1)),
    "div": with_image("DIV", some(4, low=0.5)),
    "maximum": with_image("MAXIMUM", some(4)),
    "minimum": with_image("MINIMUM", some(4)),
    "squared difference": with_image("SQUARED_DIFFERENCE", some(4)),
    "floor div": with_image("FLOOR_DIV", some(4, low=0.2)),
    "floor mod": with_image("FLOOR_MOD", some(4, low=0.2)),
    "pow": lambda made, x: [
        made.apply("POW", [made.apply("ABS", [x], IMAGE), some(4, low=0.5)], IMAGE)
    ],
    "prelu": with_image("PRELU", some(1, 1, 4)),
    "gate": gated,
    "add n": sum_of_three,
    "equal": equality("EQUAL"),
    "not equal": equality("NOT_EQUAL"),
    "less": converted("LESS", some(4)),
    "less equal": converted("LESS_EQUAL", some(4)),
    "greater": converted("GREATER", some(4)),
    "greater equal": converted("GREATER_EQUAL", some(4)),
    "logical": logical,
    "select": chosen("SELECT"),
    "select v2": chosen("SELECT_V2"),
    "cast": converted("CAST", dtypes=("int32",)),
    **{
        kind.lower(): unary(kind)
        for kind in (
            "RELU",
            "RELU6",
            "RELU_N1_TO_1",
            "RELU_0_TO_1",
            "ELU",
            "HARD_SWISH",
            "LOGISTIC",
            "TANH",
            "EXP",
            "SQUARE",
            "ABS",
            "NEG",
            "SIN",
            "COS",
            "FLOOR",
            "CEIL",
            "ROUND",
            "SIGN",
        )
    },
    **{kind.lower(): unary(kind, positive=True) for kind in ("LOG", "SQRT", "RSQRT")},
    "leaky relu": unary("LEAKY_RELU", alpha=0.2),
    "gelu": unary("GELU"),
    "gelu with tanh": unary("GELU", approximate=True),
    "zeros like": lambda made, x: [
        made.apply("ADD", [x, made.apply("ZEROS_LIKE", [x], IMAGE)], IMAGE)
    ],
    # along one axis
    "softmax": unary("SOFTMAX"),
    "softmax of one class": one_class,
    "softmaxes side by side": softmaxes("CONCATENATION", (1, 12, 5, 2)),
    "softmaxes above each other": softmaxes("PACK", (1, 2, 6, 5, 2)),
    "softmax moved": softmaxes("CONCATENATION", (1, 60, 2), move=True),
    "softmax beta": unary("SOFTMAX", beta=2.0),
    "log softmax": unary("LOG_SOFTMAX"),
    "l2 normalization": unary("L2_NORMALIZATION"),
    "local response": unary(
        "LOCAL_RESPONSE_NORMALIZATION", radius=1, bias=1.0, alpha=0.5, beta=0.5
    ),
    "arg max": simple(
        "ARG_MAX", ints(3).reshape(()), shape=(1, 6, 5), dtypes=("int32",), outputType=2
    ),
    "arg min": simple(
        "ARG_MIN", ints(1).reshape(()), shape=(1, 5, 4), dtypes=("int32",), outputType=2
    ),
    "top k": top_k,
    "cumsum": simple("CUMSUM", ints(2).reshape(())),
    "cumsum reversed": simple("CUMSUM", ints(3).reshape(()), exclusive=True, reverse=True),
    "bucketize": simple("BUCKETIZE", dtypes=("int32",), boundaries=[-0.5, 0.0, 0.7]),
    # reductions
    "mean": simple("MEAN", ints(1, 2), shape=(1, 4)),
    "mean kept": simple("MEAN", ints(1, 2), shape=(1, 1, 1, 4), keepDims=True),
    "mean of channels": simple("MEAN", ints(-1), shape=(1, 6, 5)),
    "mean of channels kept": simple("MEAN", ints(3), shape=(1, 6, 5, 1), keepDims=True),
    "mean of columns": simple("MEAN", ints(2), shape=(1, 6, 4)),
    "mean of all": simple("MEAN", ints(1, 2, 3), shape=(1,)),
    "sum": simple("SUM", ints(1), shape=(1, 1, 5, 4), keepDims=True),
    "sum of places": simple("SUM", ints(1, 2), shape=(1, 4)),
    "max": simple("REDUCE_MAX", ints(1, 2), shape=(1, 4)),
    "max of channels": simple("REDUCE_MAX", ints(3), shape=(1, 6, 5)),
    "min": simple("REDUCE_MIN", ints(1, 2), shape=(1, 4)),
    "product": simple("REDUCE_PROD", ints(3), shape=(1, 6, 5)),
    "any": truths("REDUCE_ANY", -0.6),
    "all": truths("REDUCE_ALL", 0.6),
    # shapes
    "reshape": simple("RESHAPE", ints(1, 30, 4), shape=(1, 30, 4)),
    "reshape mixing": simple("RESHAPE", ints(1, 5, 6, 4), shape=(1, 5, 6, 4)),
    "flatten": simple("RESHAPE", ints(1, 120), shape=(1, 120)),
    "squeeze": simple("SQUEEZE", shape=(6, 5, 4), squeezeDims=[0]),
    "expand": simple("EXPAND_DIMS", ints(1).reshape(()), shape=(1, 1, 6, 5, 4)),
    "transpose": simple("TRANSPOSE", ints(0, 2, 1, 3), shape=(1, 5, 6, 4)),
    "shuffle": shuffle,
    "shape": sizes_in_the_graph,
    "fill": filled,
    "tile": simple("TILE", ints(1, 2, 1, 3), shape=(1, 12, 5, 12)),
    "broadcast": lambda made, x: [
        made.apply(
            "BROADCAST_TO",
            [made.apply("MEAN", [x, ints(1, 2)], (1, 1, 1, 4), keepDims=True), ints(2, 6, 5, 4)],
            (2, 6, 5, 4),
        )
    ],
    # joining and splitting
    "concatenation": concatenation,
    "concatenation of rows": concatenation_of_rows,
    "pack": pack,
    "unpack": unpack,
    "split": split,
    "split v": split_v,
    # parts
    "slice": simple("SLICE", ints(0, 1, 0, 2), ints(1, 4, 5, -1), shape=(1, 4, 5, 2)),
    "strided slice": simple(
        "STRIDED_SLICE",
        ints(0, 1, 4, 3),
        ints(1, 6, 0, -5),
        ints(1, 2, -2, -1),
        shape=(1, 3, 2, 4),
        endMask=0b1001,
    ),
    "index": simple(
        "STRIDED_SLICE",
        ints(0, 2, 0, -1),
        ints(0, 0, 0, 0),
        ints(1, 1, 1, 1),
        shape=(1, 5),
        beginMask=0b0101,
        endMask=0b0101,
        shrinkAxisMask=0b1010,
    ),
    "ellipsis and new axis": simple(
        "STRIDED_SLICE",
        ints(0, 0, 1),
        ints(0, 0, 3),
        ints(1, 1, 1),
        shape=(1, 6, 5, 1, 2),
        ellipsisMask=0b001,
        newAxisMask=0b010,
    ),
    "reverse": simple("REVERSE_V2", ints(2)),
    "reverse of channels": simple("REVERSE_V2", ints(3)),
    "gather of channels": simple("GATHER", ints(2, 0, 0), shape=(1, 6, 5, 3), axis=3),
    "gather of one row": simple("GATHER", ints(2).reshape(()), shape=(1, 5, 4), axis=1),
    "gather of rows": simple("GATHER", ints([5, 0], [1, 1]), shape=(1, 2, 2, 5, 4), axis=1),
    "gather nd": gather_nd,
    "one hot": one_hot,
    # padding
    "pad": simple("PAD", ints([0, 0], [1, 2], [0, 1], [0, 0]), shape=(1, 9, 6, 4)),
    "pad of channels": simple("PAD", ints([0, 0], [0, 0], [0, 0], [1, 2]), shape=(1, 6, 5, 7)),
    "pad v2": simple(
        "PADV2", ints([0, 0], [1, 2], [0, 1], [0, 1]), some(1).reshape(()), shape=(1, 9, 6, 5)
    ),
    "reflect": simple(
        "MIRROR_PAD", ints([0, 0], [1, 2], [0, 1], [0, 1]), shape=(1, 9, 6, 5), mode=0
    ),
    "symmetric": simple(
        "MIRROR_PAD", ints([0, 0], [1, 2], [0, 1], [0, 0]), shape=(1, 9, 6, 4), mode=1
    ),
    "padding taken over": padded_twice,
    "blocks": blocks,
    # other sizes
    **{
        f"{name} {way}": resized(kind, size, **fields)
        for name, kind in (("bilinear", "RESIZE_BILINEAR"), ("nearest", "RESIZE_NEAREST_NEIGHBOR"))
        for size in ((12, 10), (3, 7), (6, 5), (1, 1))
        for way, fields in (
            (f"to {size}", {}),
            (f"to {size} corners", {"alignCorners": True}),
            (f"to {size} centres", {"halfPixelCenters": True}),
        )
    },
    "depth to space": simple("DEPTH_TO_SPACE", shape=(1, 12, 10, 1), blockSize=2),
    "space to depth": lambda made, x: [
        made.apply(
            "SPACE_TO_DEPTH",
            [made.apply("PAD", [x, ints([0, 0], [0, 0], [0, 1], [0, 0])], (1, 6, 6, 4))],
            (1, 3, 3, 16),
            blockSize=2,
        )
    ],
    # ends of the model
    "several outputs": several_outputs,
    "outputs of the same numbers": reshaped_outputs,
}
