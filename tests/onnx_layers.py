"""Layers with a window or weights, for the graphs that onnx_operators are for."""

from onnx_operators import IMAGE, SAME, ints, simple, some


def volume(padding, steps, shape):
    def build(made, x):
        x = made.apply("RESHAPE", [x, ints(1, 6, 5, 2, 2)], (1, 6, 5, 2, 2))
        weights = some(3, 2, 1, 2, 3), some(3)
        strides = dict(zip(("strideD", "strideH", "strideW"), steps, strict=True))
        options = {f"dilation{axis}Factor": 1 for axis in "DHW"}
        made_of = [x, *weights]
        return [made.apply("CONV_3D", made_of, shape, padding=padding, **strides, **options)]

    return build


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
