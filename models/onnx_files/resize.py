"""Resize and Upsample of .onnx files."""

import numpy as np

from models.onnx_files.node import Node, UnsupportedNode, constant
from models.onnx_files.value import Value

HALF_PIXEL = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")


def resize(tf, node: Node) -> Value:
    """Resize of height and width; in ways that TFLite has no operator for, as products with the
    constant matrices that interpolation along one axis is."""
    read = node.value(tf, 0).channels_last(tf)
    if read.rank != 4:
        raise UnsupportedNode(f"has an input of rank {read.rank}; expected 4")
    scales = _scales(node, read.shape)
    sizes = _sizes(node, read.shape, scales)
    mode, way = node.get("mode", "nearest"), _way(node)
    if sizes == read.shape[2:]:
        return read
    if sizes[0] is None:
        raise UnsupportedNode("resizes batch or channels; expected height and width")
    whole = scales is None or all(
        np.isclose(n * s, size) for n, s, size in zip(read.shape[2:], scales, sizes, strict=True)
    )
    native = _native(tf, mode, way, node.get("nearest_mode", "round_prefer_floor"))
    if native and whole:
        return read.like(native(read.tensor, sizes))
    return read.like(_by_matrices(tf, node, read, sizes, scales, mode, way))


def _way(node: Node) -> str:
    """The map from places in the output to places in the input."""
    if node.kind == "Upsample" or node.opset < 11:
        return "asymmetric"
    return node.get("coordinate_transformation_mode", "half_pixel")


def _scales(node: Node, shape) -> list[float] | None:
    """The factors of height and width; None where sizes are given."""
    position = 2 if node.kind == "Resize" and node.opset >= 11 else 1
    scales = node.setting(position, "scales")
    if not scales:
        return None
    if len(scales) == 4 and (scales[0], scales[1]) != (1, 1):
        raise UnsupportedNode("resizes batch or channels; expected height and width")
    return [float(scale) for scale in scales[-2:]]


def _sizes(node: Node, shape, scales) -> tuple[int, ...]:
    if scales is not None:
        return tuple(int(np.floor(n * s + 1e-6)) for n, s in zip(shape[2:], scales, strict=True))
    return tuple(int(size) for size in node.array(3, "sizes")[-2:])


def _native(tf, mode: str, way: str, rounding: str):
    """TensorFlow's own resizing where TFLite computes the same; None elsewhere."""
    images = tf.compat.v1.image
    bilinear, nearest = images.resize_bilinear, images.resize_nearest_neighbor
    if mode == "linear":
        if way in HALF_PIXEL[:2]:
            return lambda x, size: bilinear(x, size, half_pixel_centers=True)
        if way == "align_corners":
            return lambda x, size: bilinear(x, size, align_corners=True)
        if way == "asymmetric":
            return lambda x, size: bilinear(x, size)
    if mode == "nearest" and way == "asymmetric" and rounding == "floor":
        return lambda x, size: nearest(x, size)
    return None


def _by_matrices(tf, node: Node, read: Value, sizes, scales, mode: str, way: str):
    if mode not in ("nearest", "linear", "cubic"):
        raise UnsupportedNode(f"resizes by {mode!r}; expected nearest, linear or cubic")
    tensor = read.tensor
    for axis in (1, 2):
        scale = None if scales is None else scales[axis - 1]
        matrix = _matrix(node, int(tensor.shape[axis]), sizes[axis - 1], scale, mode, way)
        if mode == "nearest" or (np.isin(matrix, (0, 1)).all() and (matrix.sum(1) == 1).all()):
            chosen = constant(tf, matrix.argmax(1).astype(np.int32))
            tensor = tf.gather(tensor, chosen, axis=axis)
        else:
            letters = "oh,nhwc->nowc" if axis == 1 else "ow,nhwc->nhoc"
            tensor = tf.einsum(letters, constant(tf, matrix.astype(np.float32)), tensor)
    return tensor


def _matrix(node: Node, size: int, wanted: int, scale: float | None, mode: str, way: str):
    """The matrix [wanted, size] that resizes along one axis: what becomes of each unit vector."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    settings = {
        name: node.get(name)
        for name in ("cubic_coeff_a", "exclude_outside", "nearest_mode", "antialias")
        if name in node.attributes
    }
    settings.setdefault("nearest_mode", "round_prefer_floor" if node.opset >= 11 else "floor")
    given = ["x", "", "scales"] if scale is not None else ["x", "", "", "sizes"]
    made = onnx.helper.make_node(
        "Resize", given, ["y"], mode=mode, coordinate_transformation_mode=way, **settings
    )
    graph = onnx.helper.make_graph(
        [made],
        "resize",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
    )
    run = ReferenceEvaluator(graph, opsets={"": max(node.opset, 13)}).run
    fed = (
        {"scales": np.array([scale], np.float32)}
        if scale is not None
        else {"sizes": np.array([wanted], np.int64)}
    )
    return np.stack([run(None, {"x": row, **fed})[0] for row in np.eye(size, dtype="f")], axis=1)


OPERATORS = {"Resize": resize, "Upsample": resize}
