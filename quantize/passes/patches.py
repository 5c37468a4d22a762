"""The patches that a layer's weights are multiplied with: its input, cut as its kernel sees it."""

import numpy as np

from quantize.passes.layer import Layer


def places(layer: Layer, images: int, wanted: int, rng: np.random.Generator) -> tuple:
    """At most ``wanted`` of the output positions of so many images: (image, row, column) arrays."""
    shape = (images, *layer.output_size)
    count = int(np.prod(shape))
    chosen = np.arange(count)
    if count > wanted:
        chosen = np.sort(rng.choice(count, wanted, replace=False))
    return np.unravel_index(chosen, shape)


def patches(layer: Layer, values: np.ndarray, at: tuple, zero_point: int) -> np.ndarray:
    """Input patches float32 [places, kernel height * width, channels] at those output positions.

    ``values``: int8 input of a plain layer [n, h, w, c] (or [n, c]). Patches count from
    ``zero_point``, so that what pads is zero.
    """
    image, row, column = at
    kernel_height, kernel_width = layer.kernel_size
    if layer.kind == "FULLY_CONNECTED":
        return values.reshape(len(values), 1, -1)[image].astype(np.float32) - zero_point
    stride_height, stride_width = layer.strides
    height, width = values.shape[1:3]
    found = np.zeros((len(image), kernel_height * kernel_width, values.shape[-1]), np.float32)
    top, left = layer.padding(height, width)
    for i in range(kernel_height):
        for j in range(kernel_width):
            y, x = row * stride_height + i - top, column * stride_width + j - left
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            read = values[image[inside], y[inside], x[inside]].astype(np.float32)
            found[inside, i * kernel_width + j] = read - zero_point
    return found
