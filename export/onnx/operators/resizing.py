"""Images in another size, and channels exchanged for places."""

import numpy as np

from export.onnx.axis_order import NCHW, stored_shape
from export.onnx.graph_writer import GraphWriter
from export.onnx.tflite_operator import Operator
from export.onnx.value import Value


def bilinear(operator: Operator, writer: GraphWriter) -> Value:
    source = writer.value(operator.inputs[0])
    size = stored_shape(writer.shape(operator.outputs[0]), NCHW)
    made = _resize(operator, writer, writer.form(source, NCHW), size, mode="linear")
    return writer.result(operator, made, NCHW)


def nearest(operator: Operator, writer: GraphWriter) -> Value:
    """A Resize where ONNX's arithmetic picks the same pixels, else two Gathers of them."""
    source, made = writer.value(operator.inputs[0]), writer.shape(operator.outputs[0])
    real = writer.form(source, NCHW)
    picked = [_pixels(operator, source.shape[axis], made[axis]) for axis in (1, 2)]
    if all(pixels is not None for pixels in picked):
        rounding = "floor" if _transformation(operator) == "asymmetric" else "round_prefer_ceil"
        size = stored_shape(made, NCHW)
        real = _resize(operator, writer, real, size, mode="nearest", nearest_mode=rounding)
        return writer.result(operator, real, NCHW)
    for axis in (1, 2):
        pixels = _tflite_pixels(operator, source.shape[axis], made[axis])
        real = writer.node("Gather", [real, writer.builder.setting(pixels)], axis=axis + 1)
    return writer.result(operator, real, NCHW)


def _resize(operator: Operator, writer: GraphWriter, real: str, size, **attributes) -> str:
    inputs = [real, "", "", writer.builder.setting(size)]
    way = _transformation(operator)
    return writer.node("Resize", inputs, coordinate_transformation_mode=way, **attributes)


def _transformation(operator: Operator) -> str:
    """ONNX's word for what the corners and centres of pixels are."""
    if operator.option("alignCorners"):
        return "align_corners"
    return "half_pixel" if operator.option("halfPixelCenters") else "asymmetric"


def _pixels(operator: Operator, old: int, new: int) -> np.ndarray | None:
    """The pixels that a nearest Resize of one axis picks; None where rounding of the arithmetic
    decides, which ONNX runtimes do in another order than TFLite."""
    found = _tflite_pixels(operator, old, new)
    for dtype in (np.float32, np.float64):
        scale, place = dtype(new) / dtype(old), np.arange(new, dtype=dtype)
        way = _transformation(operator)
        if way == "align_corners":
            at = place * dtype(old - 1) / dtype(max(new - 1, 1))
        elif way == "half_pixel":
            at = (place + dtype(0.5)) / scale - dtype(0.5)
        else:
            at = place / scale
        for nudged in (at - 1e-4, at, at + 1e-4) if way != "asymmetric" else (at, at + 1e-4):
            whole = np.floor(nudged if way == "asymmetric" else nudged + 0.5)
            if (np.clip(whole, 0, old - 1) != found).any():
                return None
    return found


def _tflite_pixels(operator: Operator, old: int, new: int) -> np.ndarray:
    """The pixels that TFLite picks along one axis, in its own float32 arithmetic."""
    corners = operator.option("alignCorners") and new > 1
    scale = (
        np.float32(old - 1) / np.float32(new - 1) if corners else np.float32(old) / np.float32(new)
    )
    offset = np.float32(0.5 if operator.option("halfPixelCenters") else 0)
    at = (np.arange(new, dtype=np.float32) + offset) * scale
    at = np.floor(at + np.float32(0.5)) if operator.option("alignCorners") else np.floor(at)
    return np.clip(at, 0, old - 1).astype(np.int64)


def _block(kind: str, **attributes):
    def written(operator: Operator, writer: GraphWriter) -> Value:
        real = writer.form(writer.value(operator.inputs[0]), NCHW)
        size = operator.option("blockSize")
        return writer.result(
            operator, writer.node(kind, [real], blocksize=size, **attributes), NCHW
        )

    return written


FUNCTIONS = {
    "RESIZE_BILINEAR": bilinear,
    "RESIZE_NEAREST_NEIGHBOR": nearest,
    "DEPTH_TO_SPACE": _block("DepthToSpace", mode="DCR"),
    "SPACE_TO_DEPTH": _block("SpaceToDepth"),
}
