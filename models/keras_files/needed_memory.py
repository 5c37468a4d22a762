"""The memory that a traced network needs to compute, told before anything is computed."""

import math
from pathlib import Path

from models.command_line.errors import RequestError
from models.untrusted_files import free_memory


def check(path: Path, graph) -> None:
    """RequestError where one operation of ``graph``, a tf.Graph of one image, has more in and out
    than there is memory: a layer that enlarges is three numbers in a file."""
    free = free_memory.free_bytes()
    if free is None:
        return
    sizes = {each: _bytes(each) for each in graph.get_operations()}
    largest = max(sizes, key=sizes.get)
    if sizes[largest] > free:
        shapes = ", ".join(str(end.shape) for end in largest.outputs)
        raise RequestError(
            f"MODEL '{path}' makes {shapes} in {largest.name}, which takes "
            f"{sizes[largest] / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free; expected less: "
            "build the model for smaller images, or use a machine with more memory"
        )


def check_frozen(path: Path, frozen, shape: tuple) -> None:
    """The same of a frozen function of images of ``shape`` [None, height, width, channels]."""
    import tensorflow as tf

    image = frozen.inputs[0]
    if image.shape.rank and image.shape[1:].is_fully_defined():
        return check(path, frozen.graph)
    with tf.Graph().as_default() as graph:
        fed = tf.compat.v1.placeholder(image.dtype, (1, *shape[1:]))
        definition = frozen.graph.as_graph_def()
        tf.graph_util.import_graph_def(definition, input_map={image.name: fed}, name="")
    return check(path, graph)


def _bytes(operation) -> int:
    return sum(_size(end) for end in (*operation.inputs, *operation.outputs))


def _size(end) -> int:
    """In bytes; 0 where more than the batch is open."""
    sides = end.shape.as_list() if end.shape.rank is not None else [None, None]
    sides[:1] = [side or 1 for side in sides[:1]]
    return 0 if None in sides else math.prod(sides) * end.dtype.size
