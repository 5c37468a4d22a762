"""Comparison of int8 forms: is one better than another, beyond what images differ by?

The signal-to-quantization-noise ratio of probabilities hangs on the few images that are hard to
tell: on 64 images one and the same file moves by 1 to 2 dB. So forms are compared image by image,
and the ratio of two sums gets an interval by a bootstrap over the images (Efron and Tibshirani
1993, chapter 13). Of classes there are two distances from those of the float network, whose ratios
count alike, both taken from what the last softmax reads: the Kullback-Leibler divergence, and the
error of the likely logits, which is less even in what it means but much alike on all images. Other
outputs have one: their squared error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.networks.output_tensor import SOFTMAX, OutputTensor, slices
from quantize.evaluate.output_comparison import ComparisonSummary, compare
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor

RESAMPLES, SEED = 1000, 0
CONFIDENCE = 0.95
DOUBT = 0.25  # where it is likelier than that, an SQNR may be no worse
LIKELY = 7.0  # below the largest logit: a thousandth of its probability


@dataclass(frozen=True)
class Judged:
    """An int8 form beside the float network. Of each image: ``distances`` float64 [n, kinds], and
    ``squared_errors`` float64 [n] of the outputs, as shares of their energy.
    ``sqnr_interval_db``: where the SQNR of ``summary`` lies by the bootstrap, 95 %; None for
    outputs that are the same."""

    summary: ComparisonSummary
    distances: np.ndarray
    squared_errors: np.ndarray
    sqnr_interval_db: tuple[float, float] | None

    def is_better(self, other: "Judged") -> bool:
        """True where its distance is smaller than that of ``other`` beyond the noise, and its SQNR
        is not likely worse."""
        closer = self._less(other, "distances").mean(axis=-1)
        noise = self._less(other, "squared_errors")
        return bool(np.quantile(closer, CONFIDENCE) < 0 and np.quantile(noise, DOUBT) <= 0)

    def _less(self, other: "Judged", name: str) -> np.ndarray:
        """The logarithms of the ratios to those of ``other``, resampled."""
        mine, others = (resampled_log_sums(getattr(judged, name)) for judged in (self, other))
        return mine - others

    @property
    def log_distance(self) -> float:
        """The logarithm of its distance, in the mean of the kinds; the smaller the better."""
        return float(_log(self.distances.sum(axis=0)).mean())


class Judge:
    """Judges int8 forms of ``graph`` on preprocessed ``images`` [n, h, w, c]. ``output_kind`` and
    ``tensors`` as in ``compare``."""

    def __init__(
        self,
        graph: Graph,
        images: np.ndarray,
        output_kind: str,
        tensors: Sequence[OutputTensor],
        threads: int,
    ) -> None:
        self._images, self._threads = images, threads
        self._kind, self._tensors = output_kind, tensors
        self._wanted, self._wanted_logits = self._outputs(graph)

    def judged(self, int8_graph: Graph) -> Judged:
        """ValueError for outputs that are not finite."""
        found, logits = self._outputs(int8_graph)
        summary = compare(self._wanted, found, self._kind, self._tensors)
        errors = self._squared_errors(found)
        if logits is not None and self._wanted_logits is not None:
            kinds = (_divergences, _errors_of_the_likely)
            distances = np.stack([kind(self._wanted_logits, logits) for kind in kinds], axis=1)
        else:
            distances = errors[:, None]
        return Judged(summary, distances, errors, self._interval_db(found))

    def _outputs(self, graph: Graph) -> tuple[np.ndarray, np.ndarray | None]:
        """The outputs, and what the last softmax reads; None where there is none."""
        found = with_logits(graph) if self._kind == SOFTMAX else None
        whole = outputs(found or graph, self._images, self._threads)
        if found is None:
            return whole, None
        return tuple(np.split(whole, 2, axis=1))

    def _places(self) -> list[slice]:
        several = self._tensors if len(self._tensors) > 1 else ()
        return list(slices(several)) or [slice(None)]

    def _squared_errors(self, found: np.ndarray) -> np.ndarray:
        """Of each image, as shares of the energy of each output tensor, float64 [n]."""
        total = np.zeros(len(found))
        for place in self._places():
            wanted = self._wanted[:, place].astype(np.float64)
            energy = float(np.vdot(wanted, wanted)) or 1.0
            total += ((found[:, place] - wanted) ** 2).sum(axis=1) / energy
        return total

    def _interval_db(self, found: np.ndarray) -> tuple[float, float] | None:
        worst = None
        for place in self._places():
            wanted = self._wanted[:, place].astype(np.float64)
            signal, noise = (wanted**2).sum(axis=1), ((found[:, place] - wanted) ** 2).sum(axis=1)
            if noise.any() and signal.any():
                ratio = decibels(resampled_log_sums(signal) - resampled_log_sums(noise))
                low, high = (float(q) for q in np.quantile(ratio, [0.025, 0.975]))
                worst = (low, high) if worst is None else min(worst, (low, high))
        return worst


def with_logits(graph: Graph) -> Graph | None:
    """``graph`` with what its last softmax reads as a second output; None where its only output is
    no softmax of a tensor of that shape."""
    editor = GraphEditor(graph)
    outputs_there = [int(i) for i in editor.subgraph.outputs]
    maker = editor.producer(outputs_there[0]) if len(outputs_there) == 1 else None
    if maker is None or editor.kind(maker) != "SOFTMAX":
        return None
    read = int(maker.inputs[0])
    shapes = [list(editor.tensor(index).shape) for index in (read, outputs_there[0])]
    if shapes[0] != shapes[1] or read in list(editor.subgraph.inputs):
        return None
    editor.subgraph.outputs = np.asarray([*outputs_there, read], np.int32)
    editor.model.signatureDefs = []
    return editor.graph()


def without_logits(graph: Graph) -> Graph:
    """The graph that ``with_logits`` was made of."""
    editor = GraphEditor(graph)
    editor.subgraph.outputs = np.asarray(editor.subgraph.outputs[:1], np.int32)
    return Graph.packed(editor.model).named(graph.inputs[0], graph.outputs[0])


def _divergences(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Kullback-Leibler divergences of softmax, nats, of logits [n, classes] from those wanted."""
    wanted, found = _log_softmax(wanted), _log_softmax(found)
    return np.maximum((np.exp(wanted) * (wanted - found)).sum(axis=1), 0)


def _errors_of_the_likely(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Variances of the error of logits [n, classes] over the likely classes, with the shares that
    they have at twice the temperature. (Ranges may cut off the others: a softmax does not see it.)
    """
    error = found.astype(np.float64) - wanted
    below = wanted.max(axis=1, keepdims=True) - wanted
    second = np.sort(below, axis=1)[:, 1:2] if below.shape[1] > 1 else 0
    shares = np.where(below <= np.maximum(second, LIKELY), np.exp(-below / 2.0), 0)
    shares /= shares.sum(axis=1, keepdims=True)
    mean = (shares * error).sum(axis=1, keepdims=True)
    return (shares * (error - mean) ** 2).sum(axis=1)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def decibels(log_ratio):
    """The natural logarithm of a ratio of energies in dB."""
    return 10 / np.log(10) * log_ratio


def resampled_log_sums(values: np.ndarray) -> np.ndarray:
    """Logarithms of the sums of ``values`` [n, ...] over images drawn with replacement, the same
    images for all values of that length."""
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), RESAMPLES)
    return _log(drawn @ values)


def _log(sums: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(sums, np.finfo(np.float64).tiny))
