"""A tensor of an .onnx file while TensorFlow computes it, with its axes in any order."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """A computed tensor: axis i of ``tensor`` is axis ``axes[i]`` of what the file calls it.

    Images are [n, c, h, w] in the file and [n, h, w, c] here. The order is kept from operator to
    operator, so that nothing is transposed which need not be.
    """

    tensor: object
    axes: tuple[int, ...]

    @classmethod
    def of(cls, tensor) -> "Value":
        """A tensor whose axes are in the file's order."""
        return cls(tensor, tuple(range(len(tensor.shape))))

    @property
    def rank(self) -> int:
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the file says."""
        sizes = dict(zip(self.axes, self.tensor.shape, strict=True))
        return tuple(int(sizes[axis]) for axis in range(self.rank))

    def place(self, axis: int) -> int:
        """The axis of ``tensor`` that is the file's ``axis``, which may be negative."""
        return self.axes.index(axis % self.rank)

    def like(self, tensor) -> "Value":
        """Another tensor whose axes are in the same order."""
        return Value(tensor, self.axes)

    def ordered(self, tf, axes: Sequence[int]):
        """The tensor with the file's axes in that order; moving axes of size 1 costs nothing."""
        if tuple(axes) == self.axes:
            return self.tensor
        shape = self.shape

        def wide(order: Sequence[int]) -> list[int]:
            return [axis for axis in order if shape[axis] != 1]

        if wide(axes) == wide(self.axes):
            return tf.reshape(self.tensor, [shape[axis] for axis in axes])
        return tf.transpose(self.tensor, [self.axes.index(axis) for axis in axes])

    def plain(self, tf):
        """The tensor in the file's order."""
        return self.ordered(tf, range(self.rank))

    def channels_last(self, tf) -> "Value":
        """The same with its channels, the file's axis 1, last."""
        axes = channels_last(self.rank)
        return Value(self.ordered(tf, axes), axes)

    def reshaped(self, tf, shape: Sequence[int]) -> "Value":
        """The same values in another shape of the file, transposed only where that mixes axes.

        Both shapes fall into groups of axes with as many values: [n, c, h, w] to
        [n, 2, c / 2, h, w] changes the channels alone, wherever they are.
        """
        shape = tuple(int(size) for size in shape)
        groups = _groups(self.shape, shape)
        order = [axis for axis in self.axes if self.shape[axis] != 1]

        def position(group: tuple[list[int], list[int]]) -> int:
            wide = [order.index(axis) for axis in group[0] if axis in order]
            return wide[0] if wide else -1

        groups.sort(key=position)  # stable: groups of ones stay first, in their order
        tensor = self.ordered(tf, [axis for before, _ in groups for axis in before])
        axes = tuple(axis for _, after in groups for axis in after)
        return Value(tf.reshape(tensor, [shape[axis] for axis in axes]), axes)


def channels_last(rank: int) -> tuple[int, ...]:
    """The order [n, ..., c] of the axes [n, c, ...]."""
    return (0, *range(2, rank), 1)


def _groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Axes of two shapes with the same number of values, in as many groups as there can be."""
    groups, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        left, right = [], []
        held, wanted = 1, 1
        while True:
            if held < wanted or (not left and i < len(before)):
                held *= before[i]
                left.append(i)
                i += 1
            elif wanted < held or (not right and j < len(after)):
                wanted *= after[j]
                right.append(j)
                j += 1
            else:
                break
        groups.append((left, right))
    return groups
