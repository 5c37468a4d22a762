"""Orders of axes: how a TFLite tensor, channels last, lies in an ONNX file.

An order names, for each axis of the stored array, the axis of the TFLite tensor that it is:
(0, 3, 1, 2) is NCHW. Axes of length 1 take no part in how the numbers lie in memory.
"""

Order = tuple[int, ...]
Shape = tuple[int, ...]

NCHW: Order = (0, 3, 1, 2)
NAMES = {NCHW: "nchw", (0, 1, 2, 3): "nhwc"}


def as_is(rank: int) -> Order:
    """The TFLite tensor's own order."""
    return tuple(range(rank))


def preferred(rank: int) -> Order:
    """The order in which ONNX runtimes compute: channels first where there is an image."""
    return NCHW if rank == 4 else as_is(rank)


def name(order: Order) -> str:
    """A word for the order in the name of a value."""
    return NAMES.get(order, "axes_" + "_".join(map(str, order)))


def stored_shape(shape: Shape, order: Order) -> Shape:
    """The shape of the stored array."""
    return tuple(shape[axis] for axis in order)


def moves(old: Order, new: Order) -> list[int]:
    """The ``perm`` of an ONNX Transpose that takes the order ``old`` to ``new``."""
    return [old.index(axis) for axis in new]


def memory(shape: Shape, order: Order) -> tuple[int, ...]:
    """The axes longer than 1, slowest first."""
    return tuple(axis for axis in order if shape[axis] != 1)


def of_memory(shape: Shape, axes: tuple[int, ...]) -> Order:
    """The most usual order whose ``memory`` is ``axes``."""
    rank = len(shape)
    for order in (preferred(rank), as_is(rank)):
        if memory(shape, order) == axes:
            return order
    return (*(axis for axis in range(rank) if shape[axis] == 1), *axes)


def transposed(order: Order, axes: tuple[int, ...]) -> Order:
    """The order of the same stored array for the tensor whose axis ``j`` was ``axes[j]``."""
    return tuple(axes.index(axis) for axis in order)


def without(order: Order, gone: set[int]) -> Order:
    """The order after the axes ``gone`` were taken out of the tensor and the stored array."""
    left = [axis for axis in sorted(order) if axis not in gone]
    return tuple(left.index(axis) for axis in order if axis not in gone)


def reshaped(shape: Shape, order: Order, new: Shape) -> Order | None:
    """The order after a Reshape of the stored array that is a reshape of the tensor to ``new``.

    None where there is none: the numbers would have to move first.
    """
    left, found = memory(shape, order), []
    starts = {old[0]: (old, made) for old, made in _groups(shape, new)}
    while left:
        old, made = starts.get(left[0], ((None,), ()))
        if left[: len(old)] != old:
            return None
        left, found = left[len(old) :], [*found, *made]
    return of_memory(new, tuple(found))


def nearest_reshapable(shape: Shape, order: Order, new: Shape) -> Order:
    """The order of which ``reshaped`` has a result and that is most like ``order``."""
    place = {axis: i for i, axis in enumerate(memory(shape, order))}
    groups = sorted((old for old, _ in _groups(shape, new)), key=lambda g: min(map(place.get, g)))
    return of_memory(shape, tuple(axis for group in groups for axis in group))


def _groups(old: Shape, new: Shape) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The shortest runs of axes of both that have as many elements, without the axes of 1."""
    olds = [(axis, n) for axis, n in enumerate(old) if n != 1]
    news = [(axis, n) for axis, n in enumerate(new) if n != 1]
    found = []
    while olds:
        (axis, size), (made, new_size) = olds.pop(0), news.pop(0)
        group, others = [axis], [made]
        while size != new_size:
            taken, names = (olds, group) if size < new_size else (news, others)
            axis, n = taken.pop(0)
            names.append(axis)
            if taken is olds:
                size *= n
            else:
                new_size *= n
        found.append((tuple(group), tuple(others)))
    return found
