"""Changes to a frozen graph that TFLite files need: float32 throughout, images one at a time.

Each change is made where the graph needs it, and said in a note.
"""

import numpy as np

from models.command_line.errors import RequestError
from models.keras_files.saved_graph import nodes
from models.keras_files.stored_model import brief

SAME = 1e-4  # largest difference of an output, relative to the largest output
ROUGHLY_SAME = 5e-2  # where one of the two computes in half precision


def changed(path, frozen, shape: tuple) -> tuple[object, list[str]]:
    """``frozen`` for float32 images of ``shape`` [None, height, width, channels], and notes.

    RequestError where the answer to an image depends on those beside it.
    """
    tensor = frozen.inputs[0]
    definition = frozen.graph.as_graph_def()
    notes = []
    reduced = sorted({name for node in nodes(definition) for name in _reduced(node)})
    if reduced:
        notes.append(f"stored to compute in {', '.join(reduced)}; changed to float32")
        for node in nodes(definition):
            _make_float32(node)
    batch = tensor.shape[0] if tensor.shape.rank else None
    if batch not in (None, 1):
        notes.append(f"stored for {batch} images at a time; changed to one")
        _free_batch(definition, batch)
    if tensor.dtype.is_integer:
        notes.append(f"input of type {tensor.dtype.name}: takes float32 of the same values")
    made = _made(path, frozen, definition, shape) if notes else frozen
    if batch is None:
        _check_independent(path, made, shape)
    elif batch != 1:
        _compare(path, frozen, made, batch, shape, ROUGHLY_SAME if reduced else SAME)
    return made, notes


def _made(path, frozen, definition, shape):
    """The changed graph as a function of float32 images."""
    import tensorflow as tf

    tensor = frozen.inputs[0]
    feeds = _float_feeds(tensor) if tensor.dtype.is_integer else [tensor.name]
    names = [output.name for output in frozen.outputs]

    def compute(image):
        cast = image if feeds else tf.cast(image, tensor.dtype)
        mapped = dict.fromkeys(feeds or [tensor.name], cast)
        return tf.graph_util.import_graph_def(
            definition, input_map=mapped, return_elements=names, name=""
        )

    try:
        return tf.compat.v1.wrap_function(compute, [tf.TensorSpec(shape, tf.float32, name="image")])
    except (ValueError, tf.errors.OpError) as error:
        raise RequestError(
            f"MODEL '{path}' cannot be changed to float32 and one image at a time "
            f"({brief(error)}); export it in float32 with a free batch"
        ) from error


def _images(count, shape):
    """Images that are unlike each other: of small values, and of those of pixels."""
    images = np.random.default_rng(0).uniform(-1, 1, (count, *shape[1:]))
    images[::2] = np.abs(images[::2]) * 255
    return images.astype(np.float32)


def _outputs(function, images) -> list[np.ndarray]:
    import tensorflow as tf

    given = tf.cast(tf.constant(images), function.inputs[0].dtype)
    return [np.asarray(each, np.float32) for each in tf.nest.flatten(function(given))]


def _check_independent(path, made, shape):
    """RequestError where an image gives something else among others than alone."""
    images = _images(2, shape)
    together = _outputs(made, images)
    for number in range(2):
        alone = _outputs(made, images[number : number + 1])
        for both, one in zip(together, alone, strict=True):
            if not _is_close(both[number : number + 1], one, both, SAME):
                raise RequestError(
                    f"MODEL '{path}' gives an image another answer among others than alone (batch "
                    "normalization as in training?); export the model called with training=False"
                )


def _compare(path, before, after, batch, shape, tolerance):
    """Each image alone must give what it gave among ``batch`` of them."""
    import tensorflow as tf

    images = _images(batch, shape)
    try:
        together = _outputs(before, images)
        alone = [_outputs(after, image[None]) for image in images]
    except (ValueError, tf.errors.OpError) as error:
        raise _bound(path, batch, brief(error)) from error
    for number, outputs in enumerate(alone):
        for all_of_them, one in zip(together, outputs, strict=True):
            expected = all_of_them[number : number + 1]
            if not _is_close(one, expected, all_of_them, tolerance):
                raise _bound(path, batch, "its images depend on each other")


def _is_close(found, expected, scale, tolerance) -> bool:
    """``scale``: outputs that tell how large they are. An exponential of pixels may overflow: then
    the other images tell."""
    if found.shape != expected.shape:
        return False
    compared = np.isfinite(found) & np.isfinite(expected)
    largest = np.abs(scale[np.isfinite(scale)]).max(initial=1e-6)
    return np.abs((found - expected)[compared]).max(initial=0.0) <= tolerance * largest


def _bound(path, batch, why):
    return RequestError(
        f"MODEL '{path}' cannot be changed from {batch} images at a time to one ({why}); "
        "export it with a free batch: keras.Input((height, width, channels))"
    )


def _float_feeds(tensor) -> list[str]:
    """Tensors that are the input as float32; [] where it is used as whole numbers, too."""
    consumers = tensor.consumers()
    ahead = list(consumers)
    while ahead and ahead[0].type == "Identity":
        ahead = ahead[0].outputs[0].consumers() + ahead[1:]
    if ahead and all(c.type == "Cast" and c.outputs[0].dtype.name == "float32" for c in ahead):
        return [c.outputs[0].name for c in ahead]
    return []


def _reduced(node):
    """Names of the types in a node that hold fewer bits than float32."""
    from tensorflow.python.framework import dtypes

    half = {
        dtypes.float16.as_datatype_enum: "float16",
        dtypes.bfloat16.as_datatype_enum: "bfloat16",
    }
    for attribute in node.attr.values():
        for kind in (attribute.type, *attribute.list.type):
            if kind in half:
                yield half[kind]


def _make_float32(node):
    from tensorflow.python.framework import dtypes, tensor_util

    half = (dtypes.float16.as_datatype_enum, dtypes.bfloat16.as_datatype_enum)
    single = dtypes.float32.as_datatype_enum
    for attribute in node.attr.values():
        if attribute.WhichOneof("value") == "tensor" and attribute.tensor.dtype in half:
            value = tensor_util.MakeNdarray(attribute.tensor).astype(np.float32)
            attribute.tensor.CopyFrom(tensor_util.make_tensor_proto(value, shape=value.shape))
        elif attribute.type in half:
            attribute.type = single
        for index, kind in enumerate(attribute.list.type):
            if kind in half:
                attribute.list.type[index] = single


def _free_batch(definition, batch):
    """Shapes that Reshape nodes are given, with any batch in place of ``batch``."""
    from tensorflow.python.framework import tensor_util

    constants = {node.name: node for node in definition.node if node.op == "Const"}
    for node in definition.node:
        node.attr.pop("_output_shapes", None)
        target = constants.get(node.input[1].partition(":")[0]) if node.op == "Reshape" else None
        if target is None:
            continue
        shape = tensor_util.MakeNdarray(target.attr["value"].tensor)
        if shape.ndim == 1 and len(shape) and shape[0] == batch:
            shape = shape.copy()
            shape[0] = 1 if -1 in shape else -1
            value = tensor_util.make_tensor_proto(shape, shape=shape.shape)
            target.attr["value"].tensor.CopyFrom(value)
