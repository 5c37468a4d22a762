"""Every operator of .onnx files that has a form in TFLite, by its name."""

from models.onnx_files import (
    activation,
    arithmetic,
    convolution,
    normalization,
    pooling,
    reduction,
    resize,
    shape,
)

OPERATORS = {
    **activation.OPERATORS,
    **arithmetic.OPERATORS,
    **convolution.OPERATORS,
    **normalization.OPERATORS,
    **pooling.OPERATORS,
    **reduction.OPERATORS,
    **resize.OPERATORS,
    **shape.OPERATORS,
}
