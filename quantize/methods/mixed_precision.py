"""Mixed precision: the layers that int8 hurts most stay float, as many as the latency budget pays.

Layers are ranked by the noise that each makes in the outputs when it alone is int8. These noises
add up to nearly all of that of the int8 network, and rank layers alike on other images; what the
int8 network gains by one float layer does not: it drowns in what rounding does by chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantize.evaluate import swap_precision
from quantize.evaluate.latency import Latency
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.passes import bias_correction
from quantize.ranges.value_range import Range
from quantize.schemes import int8

RANKED_ON = 32  # calibration images at most that layers are ranked on
TRIED = 5  # layers tried in each round: one too expensive alone may fit beside another, and be next
MIN_SHARE = 0.02  # of the noise of the layers that are still int8; less is not worth what it costs


@dataclass(frozen=True)
class Goal:
    """The end of the search: an int8 graph that is good enough, or a budget that is spent.

    ``max_latency_ratio``: times the latency of the graph with every layer int8. ``latencies``:
    latency of each of some graphs, by name (``latency.in_turns``).
    """

    reached: Callable[[Graph], bool]
    max_latency_ratio: float
    latencies: Callable[[dict[str, Graph], int], dict[str, Latency]]


@dataclass(frozen=True)
class Start:
    """The start of the search: a float graph, its ranges and its int8 form.

    ``means``: as in ``bias_correction.correct``. ``kept_float``: output tensors of the layers that
    are float already. ``per_channel``: as in ``int8.quantize``.
    """

    graph: Graph
    ranges: dict[str, Range]
    means: dict[str, np.ndarray]
    int8_graph: Graph
    kept_float: frozenset[str]
    per_channel: bool = True

    def quantized(self, kept_float: frozenset[str] = frozenset()) -> Graph:
        """The float graph as int8 anew, with these layers left float."""
        return int8.quantize(self.graph, self.ranges, kept_float, self.per_channel)


@dataclass(frozen=True)
class Mixed:
    """An int8 graph, the output tensors of its float layers, and what those cost.

    ``latency_ratio``: to every layer int8, medians of ``latency_samples`` each, taken in turns;
    both None where no layer was added.
    """

    int8_graph: Graph
    kept_float: frozenset[str]
    latency_ratio: float | None = None
    latency_samples: int | None = None


def search(start: Start, images: np.ndarray, threads: int, goal: Goal) -> Mixed:
    """``start`` with layers left float until ``goal`` is reached; without any where none helps.

    ``images``: preprocessed float32 [n, h, w, c] of the calibration.
    """
    mixed = Mixed(start.int8_graph, start.kept_float)
    if goal.max_latency_ratio <= 1:
        return mixed
    searching = _Search(start, images, threads, goal)
    while not goal.reached(mixed.int8_graph):
        better = searching.one_more(mixed)
        if better is None:
            break
        mixed = better
    return mixed


class _Search:
    """One search: all that its rounds share."""

    def __init__(self, start: Start, images: np.ndarray, threads: int, goal: Goal) -> None:
        self.start, self.images, self.threads, self.goal = start, images, threads, goal
        self.all_int8 = start.quantized()
        self.noise = _noise(start, images[:: -(-len(images) // RANKED_ON)], threads)

    def one_more(self, mixed: Mixed) -> Mixed | None:
        """``mixed`` with one more layer float: the worst that fits the budget; None if none does.

        A candidate is timed before it is corrected: the numbers in it make no difference there.
        """
        left = {name: n for name, n in self.noise.items() if name not in mixed.kept_float}
        heard = [name for name in left if left[name] > MIN_SHARE * sum(left.values())]
        for name in sorted(heard, key=left.get, reverse=True)[:TRIED]:
            kept = mixed.kept_float | {name}
            bare = self.start.quantized(kept)
            found = self.goal.latencies({"int8": self.all_int8, "mixed": bare}, self.threads)
            ratio = found["mixed"].median_s / found["int8"].median_s
            if ratio <= self.goal.max_latency_ratio:
                made = _as_corrected(self.start, bare, self.images, self.threads)
                return Mixed(made, kept, ratio, found["mixed"].samples)
        return None


def _noise(start: Start, images: np.ndarray, threads: int) -> dict[str, float]:
    """By output tensor: energy of what each layer does to the outputs when it alone is int8."""
    wanted = outputs(start.graph, images, threads)
    swapped = swap_precision.alone_int8(
        start.graph, start.int8_graph, images, threads, bias_corrected=True
    )
    return {name: float(np.sum((found - wanted) ** 2)) for name, found in swapped}


def _as_corrected(start: Start, bare: Graph, images: np.ndarray, threads: int) -> Graph:
    """``bare`` with the rounded weights of ``start``, and biases corrected for what is float now.

    Weights are rounded on a grid that the float weights give, so they fit as they are.
    """
    earlier = GraphEditor(start.int8_graph)
    weights = {
        earlier.name(int(o.outputs[0])): earlier.read(o, 1)
        for o in earlier.operators
        if earlier.has_int8_weights(o)
    }
    editor = GraphEditor(bare)
    for operator in editor.operators:
        if editor.has_int8_weights(operator):
            editor.write(operator, 1, weights[editor.name(int(operator.outputs[0]))])
    return bias_correction.correct(start.graph, editor.graph(), start.means, images, threads)
