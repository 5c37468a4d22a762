"""The kinds of TFLite operator that are written in ONNX, and the function that writes each.

A function takes the operator and the GraphWriter, and returns the Value of its output, or a list
of one Value for each output.
"""

from export.onnx.operators import (
    along_axis,
    convolutions,
    dense,
    elementwise,
    joining,
    padding,
    pooling,
    reductions,
    resizing,
    selecting,
    shapes,
)

FUNCTIONS = {
    **convolutions.FUNCTIONS,
    **dense.FUNCTIONS,
    **pooling.FUNCTIONS,
    **elementwise.FUNCTIONS,
    **along_axis.FUNCTIONS,
    **reductions.FUNCTIONS,
    **resizing.FUNCTIONS,
    **shapes.FUNCTIONS,
    **joining.FUNCTIONS,
    **selecting.FUNCTIONS,
    **padding.FUNCTIONS,
}
