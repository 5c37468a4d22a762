"""Which range each activation takes on real images."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.errors import RequestError
from quantize.graph import Graph

MIN_IMAGES = 8


@dataclass(frozen=True)
class Range:
    """The real values an integer tensor has to cover."""

    minimum: float
    maximum: float


def min_max_ranges(graph: Graph, images: Iterable[np.ndarray], threads: int) -> dict[str, Range]:
    """Smallest and largest value of every float activation of ``graph``, by tensor name.

    ``images`` are preprocessed float32 arrays [1, h, w, c]; they are read once, one at a time.
    Raises RequestError for fewer than MIN_IMAGES images: nothing is calibrated on less.
    """
    interpreter = graph.interpreter(threads, keep_activations=True)
    input_index = interpreter.get_input_details()[0]["index"]
    wanted = set(graph.activations)
    tensors = [
        (detail["name"], interpreter.tensor(detail["index"]))  # a view: nothing is copied
        for detail in interpreter.get_tensor_details()
        if detail["name"] in wanted and detail["dtype"] == np.float32
    ]
    low = dict.fromkeys((name for name, _ in tensors), np.inf)
    high = dict.fromkeys(low, -np.inf)
    seen = 0
    for image in images:
        interpreter.set_tensor(input_index, image)
        interpreter.invoke()
        for name, view in tensors:
            # No name may keep what view() gives: the interpreter refuses to run while one does.
            low[name] = min(low[name], float(view().min()))
            high[name] = max(high[name], float(view().max()))
        seen += 1
    check_enough(seen)
    return {name: Range(low[name], high[name]) for name in low}


def check_enough(images: int) -> None:
    """RequestError where that many images are too few to calibrate on."""
    if images < MIN_IMAGES:
        raise RequestError(
            f"CALIB gives {images} images; expected at least {MIN_IMAGES} to calibrate int8; "
            "name a folder or .npz with more, or a larger N_CALIB"
        )
