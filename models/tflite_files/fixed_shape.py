"""A .tflite file with another shape of its image: batch 1, and a size where it has none."""

from collections.abc import Sequence
from pathlib import Path

from models.command_line.errors import RequestError
from models.model_files.model_file import is_channels_first, one_line
from models.tflite_files.object_tree import ObjectTree


def fixed_shape(path: Path, tree: ObjectTree, resolution: int | None) -> tuple[int, ...]:
    """The image's shape with batch 1, and with ``resolution`` for an open height and width.

    RequestError where it is no image, and where ``resolution`` is missing or of no use.
    """
    image = int(tree.subgraph.inputs[0])
    given, free = tree.shape(image), _free(tree, image)
    if len(given) != 4:
        raise RequestError(
            f"'{path}' has an input of shape {list(given)}; expected an image: [1, height, width, "
            "channels]"
        )
    sides = (2, 3) if is_channels_first(free) else (1, 2)
    if not any(free[side] < 0 for side in sides):
        if resolution is not None and any(given[side] != resolution for side in sides):
            raise RequestError(
                f"RES is {resolution}, and '{path}' has an input of fixed size, {list(given)}; "
                "leave RES out"
            )
        return (1, *given[1:])
    if resolution is None:
        raise RequestError(
            f"'{path}' has an input of no fixed size, {list(free)}; give one: RES=224"
        )
    return (1, *(resolution if free[n] < 0 else given[n] for n in range(1, 4)))


def _free(tree: ObjectTree, image: int) -> Sequence[int]:
    """The shape with -1 for what the file leaves open."""
    signature = tree.tensor(image).shapeSignature
    if signature is None or not len(signature):
        return tree.shape(image)
    return [int(size) for size in signature]


def has_open_shapes(tree: ObjectTree) -> bool:
    """True where the stored shapes beyond the batch are no shapes: a file for any batch has 1 for
    each size that it only knows when it runs."""
    for operator in tree.operators:
        for index in operator.outputs:
            signature = tree.tensor(int(index)).shapeSignature
            if signature is not None and any(int(size) < 0 for size in signature[1:]):
                return True
    return False


def with_image_shape(path: Path, content: bytes, shape: tuple[int, ...]) -> bytes:
    """The file with that image shape, and with the shapes of all that is computed from it.

    RequestError where LiteRT cannot: a RESHAPE, say, holds the old batch as a constant.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    tree = ObjectTree.read(path, content)
    image = int(tree.subgraph.inputs[0])
    try:
        interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.resize_tensor_input(image, shape)
        interpreter.allocate_tensors()
        interpreter.invoke()  # some shapes are known only then
        details = {one["index"]: one["shape"] for one in interpreter.get_tensor_details()}
    except (RuntimeError, ValueError) as error:
        found = list(tree.shape(image))
        raise RequestError(
            f"'{path}' reads images of shape {found}, and LiteRT cannot run it on {list(shape)} "
            f"({one_line(error)}); convert it again with that input shape"
        ) from error
    for index, tensor in enumerate(tree.subgraph.tensors):
        tensor.shapeSignature = None
        if index in details and not tree.is_constant(index):
            tensor.shape = [int(size) for size in details[index]]
    return tree.packed()
