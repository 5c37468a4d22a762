"""Paddings of windows: those of an .onnx file, and what TensorFlow can do for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.onnx_files.node import Node

SPATIAL = 2


@dataclass(frozen=True)
class Window:
    """A window that moves over height and width; ``before`` and ``after`` are the paddings."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, size: Sequence[int], image: Sequence[int]) -> "Window":
        """The window of a convolution or pooling over ``image`` [h, w]."""
        rank = len(size)
        strides = tuple(node.get("strides", [1] * rank))
        dilations = tuple(node.get("dilations", [1] * rank))
        pads = list(node.get("pads", [0] * (2 * rank)))
        kind = node.get("auto_pad", "NOTSET")
        if kind in ("SAME_UPPER", "SAME_LOWER"):
            total = _same(image, size, strides, dilations)
            half = [each // 2 for each in total]
            rest = [each - part for each, part in zip(total, half, strict=True)]
            pads = [*half, *rest] if kind == "SAME_UPPER" else [*rest, *half]
        elif kind == "VALID":
            pads = [0] * (2 * rank)
        return cls(tuple(size), strides, dilations, tuple(pads[:rank]), tuple(pads[rank:]))

    @property
    def reach(self) -> tuple[int, ...]:
        """Pixels from the first to the last that one window reads."""
        return tuple((s - 1) * d + 1 for s, d in zip(self.size, self.dilations, strict=True))

    @property
    def is_padded(self) -> bool:
        return any(self.before) or any(self.after)

    def is_same(self, image: Sequence[int]) -> bool:
        """True where TensorFlow's SAME pads alike."""
        total = _same(image, self.size, self.strides, self.dilations)
        half = tuple(each // 2 for each in total)
        rest = tuple(each - part for each, part in zip(total, half, strict=True))
        return (self.before, self.after) == (half, rest)

    def outputs(self, image: Sequence[int], ceil: bool = False) -> tuple[int, ...]:
        """Height and width of what it makes; ``ceil`` counts a last window that is cut off."""
        sizes = []
        for n, reach, stride, before, after in zip(
            image, self.reach, self.strides, self.before, self.after, strict=True
        ):
            room = n + before + after - reach
            count = (-(-room // stride) if ceil else room // stride) + 1
            if ceil and (count - 1) * stride >= n + before:
                count -= 1  # a window of padding alone
            sizes.append(count)
        return tuple(sizes)

    def needed(self, image: Sequence[int], outputs: Sequence[int]) -> tuple[int, ...]:
        """Padding after the image that so many ``outputs`` read; negative: pixels never read."""
        return tuple(
            (count - 1) * stride + reach - n - before
            for n, reach, stride, before, count in zip(
                image, self.reach, self.strides, self.before, outputs, strict=True
            )
        )


def _same(image, size, strides, dilations) -> list[int]:
    """Pixels that TensorFlow's SAME adds in all."""
    return [
        max((-(-n // stride) - 1) * stride + (s - 1) * dilation + 1 - n, 0)
        for n, s, stride, dilation in zip(image, size, strides, dilations, strict=True)
    ]


def around(before: Sequence[int], after: Sequence[int]) -> list[list[int]]:
    """Paddings of a tensor [n, h, w, c], for tf.pad."""
    spatial = [[b, max(a, 0)] for b, a in zip(before, after, strict=True)]
    return [[0, 0], *spatial, [0, 0]]
