"""The statistics of each activation on calibration images, for ranges and corrections."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np

from models.command_line.errors import RequestError
from quantize.graph.graph import LINEAR, Graph
from quantize.ranges.histogram import Histogram, count
from quantize.ranges.value_range import LEVELS

MIN_IMAGES = 8
KEPT_ROWS = 512
SAMPLES_PER_IMAGE = 8192  # values of one activation of one image that go into its histogram


@dataclass(frozen=True)
class Activation:
    """One activation over all calibration images.

    ``minima`` and ``maxima``: float32 [images], each image's extremes. ``channel_minima`` and
    ``channel_maxima``: float32 [channels], over all images and places. ``histogram`` counts an
    even sample of the values. ``mean``: float32 [1, ...] over the images, for the activations that
    a layer with weights reads; None for others. ``rows``: float32 [images, classes], the values
    themselves, for the input of a softmax (of KEPT_ROWS images at most); None for others.
    """

    minima: np.ndarray
    maxima: np.ndarray
    channel_minima: np.ndarray
    channel_maxima: np.ndarray
    histogram: Histogram
    mean: np.ndarray | None
    rows: np.ndarray | None = None

    @property
    def step(self) -> float:
        """The int8 step of a range that covers all that it was."""
        low, high = self.channel_minima.min(), self.channel_maxima.max()
        return float(max(high, 0) - min(low, 0)) / (LEVELS - 1)


class _Observer:
    """Sees one activation of some of the images; ``is_fit`` is False once nothing can be said."""

    def __init__(self, shape: tuple[int, ...], wants_mean: bool, wants_rows: bool) -> None:
        self.shape = shape
        self.minima: dict[int, float] = {}
        self.maxima: dict[int, float] = {}
        self.low, self.high = np.inf, -np.inf
        self.histogram: Histogram | None = None
        # float64: which thread saw which image then makes no difference in float32.
        self.sum = np.zeros(shape, np.float64) if wants_mean else None
        self.summed = 0
        self.rows: dict[int, np.ndarray] | None = {} if wants_rows else None
        self.is_fit = True
        self.stride = _stride(math.prod(shape), shape[-1] if shape else 1)

    def see(self, image: int, values: np.ndarray, counts_in_mean: bool) -> None:
        if values.shape != self.shape:
            self.is_fit = False
            return
        rows = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
        low, high = rows.min(axis=0), rows.max(axis=0)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            self.is_fit = False
            return
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.minima[image], self.maxima[image] = float(low.min()), float(high.max())
        counted = count(values.ravel()[image % self.stride :: self.stride])
        self.histogram = counted if self.histogram is None else self.histogram + counted
        if self.sum is not None and counts_in_mean:
            self.sum += values
            self.summed += 1
        if self.rows is not None and image < KEPT_ROWS:
            self.rows[image] = values.ravel().copy()


def calibrate(
    graph: Graph, images: Iterable[np.ndarray], threads: int, mean_of_every: int = 1
) -> dict[str, Activation]:
    """Statistics of every float activation of ``graph``, by tensor name, but for those that are
    empty, of a changing shape, or not finite on an image: nothing can be said of their range.

    ``images`` are preprocessed float32 arrays [1, h, w, c], read once, a few at a time; memory
    does not grow with their number. Means are taken of every ``mean_of_every``-th image, the first
    included. Raises RequestError for fewer than MIN_IMAGES images, for
    values that are not finite and for images that are all of one colour: nothing is calibrated on
    what tells nothing.
    """
    stream = _Stream(images)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda _: _observe(graph, stream, mean_of_every), range(threads)))
    seen = stream.taken
    check_enough(seen)
    if not stream.varied:
        raise RequestError(
            f"every one of the {seen} CALIB images is of one constant colour, which gives no "
            "ranges; name a folder or .npz with photographs of what the model will see"
        )
    merged = {name: [part[name] for part in parts] for name in parts[0]}
    return {
        name: _merged(found, seen)
        for name, found in merged.items()
        if all(part.is_fit for part in found)
    }


class _Stream:
    """The images, numbered, for several threads: each takes the next one when it is free."""

    def __init__(self, images: Iterable[np.ndarray]) -> None:
        self.images = iter(images)
        self.lock = Lock()
        self.taken = 0
        self.varied = False

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        while True:
            with self.lock:
                image = next(self.images, None)
                number, self.taken = self.taken, self.taken + (image is not None)
            if image is None:
                return
            _check_finite(image, number)
            self.varied = self.varied or _is_varied(image)
            yield number, image


def _observe(graph: Graph, stream: _Stream, mean_of_every: int) -> dict[str, _Observer]:
    interpreter = graph.interpreter(threads=1, keep_activations=True)
    input_index = interpreter.get_input_details()[0]["index"]
    wanted = set(graph.activations)
    read_by_layers = {inputs[0] for kind, inputs, _ in graph.operators() if kind in LINEAR}
    read_by_softmax = softmax_inputs(graph)
    seen = {}
    for detail in interpreter.get_tensor_details():
        name = detail["name"]
        shape = tuple(int(size) for size in detail["shape"])
        if name in wanted and detail["dtype"] == np.float32 and all(shape):
            is_row = math.prod(shape) == shape[-1] if shape else False
            observer = _Observer(shape, name in read_by_layers, is_row and name in read_by_softmax)
            seen[name] = (observer, interpreter.tensor(detail["index"]))  # a view, no copy
    for number, image in stream:
        interpreter.set_tensor(input_index, image)
        interpreter.invoke()
        for observer, view in seen.values():
            _see(observer, view, number, number % mean_of_every == 0)
    return {name: observer for name, (observer, _) in seen.items()}


def _see(observer: _Observer, view: Callable, image: int, counts_in_mean: bool) -> None:
    """Show what ``view`` gives, of which nothing may be kept: the interpreter would not run on."""
    try:
        values = view()
    except ValueError:  # an output that nothing reads may have no memory
        observer.is_fit = False
        return
    observer.see(image, values, counts_in_mean)


def _merged(parts: list[_Observer], images: int) -> Activation:
    parts = [part for part in parts if part.minima]
    minima = {k: v for part in parts for k, v in part.minima.items()}
    maxima = {k: v for part in parts for k, v in part.maxima.items()}
    histogram = parts[0].histogram
    for part in parts[1:]:
        histogram = histogram + part.histogram
    return Activation(
        minima=np.asarray([minima[i] for i in range(images)], np.float32),
        maxima=np.asarray([maxima[i] for i in range(images)], np.float32),
        channel_minima=np.minimum.reduce([part.low for part in parts]),
        channel_maxima=np.maximum.reduce([part.high for part in parts]),
        histogram=histogram,
        mean=None if parts[0].sum is None else _mean(parts),
        rows=None if parts[0].rows is None else _rows([part.rows for part in parts]),
    )


def _mean(parts: list[_Observer]) -> np.ndarray:
    whole = sum(part.sum for part in parts) / sum(part.summed for part in parts)
    return whole.astype(np.float32)


def _rows(parts: list[dict[int, np.ndarray]]) -> np.ndarray:
    by_image = {image: row for part in parts for image, row in part.items()}
    return np.stack([by_image[image] for image in sorted(by_image)])


def softmax_inputs(graph: Graph) -> frozenset[str]:
    """The activations that a softmax reads, also those only reshaped on their way there."""
    found: set[str] = set()
    for kind, inputs, outputs in reversed(list(graph.operators())):
        if kind == "SOFTMAX" or (kind in ("RESHAPE", "SQUEEZE") and outputs[0] in found):
            found.add(inputs[0])
    return frozenset(found)


def _stride(size: int, channels: int) -> int:
    """Distance of sampled values: few enough, and no channel is left out for ever."""
    stride = max(1, math.ceil(size / SAMPLES_PER_IMAGE))
    while math.gcd(stride, channels) > 1:
        stride += 1
    return stride


def _check_finite(image: np.ndarray, number: int) -> None:
    if not np.isfinite(image).all():
        raise RequestError(
            f"CALIB image {number} has values that are not finite (NaN or infinity); "
            "expected numbers; take it out of the set"
        )


def _is_varied(image: np.ndarray) -> bool:
    return bool((image != image.reshape(-1, image.shape[-1])[0]).any())


def check_enough(images: int) -> None:
    """RequestError where that many images are too few to calibrate on."""
    if images < MIN_IMAGES:
        raise RequestError(
            f"CALIB gives {images} images; expected at least {MIN_IMAGES} to calibrate int8; "
            "name a folder or .npz with more, or a larger N_CALIB"
        )
