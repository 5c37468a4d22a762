"""Graphs of one operator each, or of a few that belong together, for the ONNX writer."""

from onnx_layers import convolution, dense, depthwise, pool, transposed, volume
from onnx_operators import (
    IMAGE,
    SAME,
    VALID,
    attention,
    blocks,
    broadcast_of_rank_3,
    chosen,
    concatenation,
    concatenation_of_rows,
    converted,
    equality,
    filled,
    gated,
    gather_nd,
    ints,
    logical,
    one_class,
    one_hot,
    pack,
    padded_twice,
    reshaped_outputs,
    resized,
    several_outputs,
    shuffle,
    simple,
    sizes_in_the_graph,
    softmaxes,
    some,
    split,
    split_v,
    sum_of_three,
    top_k,
    truths,
    unary,
    unpack,
    with_image,
)

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
