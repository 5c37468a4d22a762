"""Two columns of the drift matrix, layer by layer: which layer diverges first."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bench.console.drift_table import EXACT
from bench.explain import divergence, layer_outputs
from bench.explain.instrumented import instrument
from bench.explain.instrumented_layer import IMAGE, OUTPUT, InstrumentedLayer
from bench.explain.layer_drift import LayerDrift, compared
from bench.explain.layer_pairs import in_shape, keras_layers, without_filling
from bench.measurement.accuracy import chunks
from models.command_line.columns import aligned
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from quantize.evaluate.output_comparison import Outputs

IMAGES = 8
KERAS = "keras"


@dataclass(frozen=True)
class Side:
    """A column: a file in a ``runtime``, or Keras (``runtime`` "keras") with the network that
    ``options`` name."""

    name: str
    runtime: str
    artifact: Path | None = None
    format: str | None = None
    options: Options | None = None


@dataclass(frozen=True)
class Explanation:
    """The layers that sides ``a`` and ``b`` have in common, b against a, in execution order, on
    ``images`` images: the input first, the output last. ``first`` is the place of the layer that
    diverges; None where none stands out."""

    a: str
    b: str
    images: int
    layers: tuple[LayerDrift, ...]
    first: int | None

    def __str__(self) -> str:
        """The finding in one line."""
        between = f"{self.a} -> {self.b}, {self.images} images"
        if len(self.layers) <= 2:
            return f"{between}: no layer has the same name on both sides, so none can be named"
        if self.first is not None:
            layer = self.layers[self.first]
            return (
                f"{between}: {layer.layer} is the first layer that diverges "
                f"({_decibels(layer)}; {layer.drop_db:.1f} dB are lost there)"
            )
        steepest = self.layers[divergence.steepest(self.layers)]
        found = f"{between}: no layer stands out (output: {_decibels(self.layers[-1])}"
        if steepest.drop_db <= 0:
            return f"{found})"
        return f"{found}; the largest loss is {steepest.drop_db:.1f} dB, at {steepest.layer})"


def flipped_first(
    a: np.ndarray, b: np.ndarray, output_kind: str, count: int = IMAGES
) -> np.ndarray:
    """Rows of the outputs [n, classes] of two columns that show their difference best: those with
    another prediction, then the others, each the largest softmax change first; int64 [count]. Of
    outputs that are no classes those with the largest difference."""
    changes, same = [], []
    for rows in chunks(a):
        one, other = Outputs.of(a[rows], output_kind), Outputs.of(b[rows], output_kind)
        shares = [one.values, other.values]
        if one.probabilities is not None:
            shares = [one.probabilities, other.probabilities]
        changes.append(np.abs(shares[0] - shares[1]).max(axis=1))
        same.append(one.predictions == other.predictions)
    return np.lexsort((-np.concatenate(changes), np.concatenate(same)))[:count]


def explain(a: Side, b: Side, images: np.ndarray) -> Explanation:
    """Run both sides on ``images``, preprocessed float32 [n, h, w, c], and compare their layers.

    At least one is a file. Runtimes run in child processes, on this machine. DeviceError where one
    fails; RequestError where the network cannot be loaded.
    """
    with scratch_folder() as folder:
        sides = [_Outputs(side, images, folder / str(i)) for i, side in enumerate((a, b))]
        layers = divergence.with_drops(list(_compared(*sides)))
    return Explanation(a.name, b.name, len(images), layers, divergence.first(layers))


class _Outputs:
    """The layers of one side, run on the images; read from disk one at a time."""

    def __init__(self, side: Side, images: np.ndarray, folder: Path) -> None:
        self.side, self._images = side, images
        self.layers: dict[str, InstrumentedLayer] = {}
        if side.runtime == KERAS:
            self._paths = layer_outputs.of_keras(side.options, images, folder)
            return
        model = instrument(side.artifact.read_bytes(), side.format)
        self.layers = {layer.key: layer for layer in model.layers}
        self._stored = model.stored_images(images)
        values = [layer.value for layer in model.layers[1:]]
        files = layer_outputs.of_file(side.runtime, model.content, values, self._stored, folder)
        self._paths = dict(zip([*self.layers][1:], files, strict=True))

    def names_of(self, guide: "_Outputs") -> dict[str, str]:
        """The names of the layers of ``guide`` on this side, as far as it has them."""
        if not self.layers:
            return dict(keras_layers(list(guide.layers), self._paths))
        return {key: key for key in guide.layers if key in self.layers}

    def real(self, key: str) -> np.ndarray:
        """Outputs of the layer, float32 [n, ...], channels last."""
        if key == IMAGE:
            return self.layers[IMAGE].real(self._stored) if self.layers else self._images
        stored = np.load(self._paths[key], mmap_mode="r")
        return self.layers[key].real(stored) if self.layers else stored

    def rounds(self, key: str) -> bool:
        """True where the layer's output is stored as integers."""
        return key in self.layers and self.layers[key].scale is not None


def _compared(a: _Outputs, b: _Outputs) -> Iterator[LayerDrift]:
    """The layers in common, in the order and by the names of a file, TFLite if there is one."""
    guide = max((a, b), key=lambda side: (side.side.format == "tflite", bool(side.layers)))
    other = b if guide is a else a
    names, places = other.names_of(guide), {}
    count = 0
    for key, layer in guide.layers.items():
        reads = tuple(sorted({place for source in layer.sources for place in places[source]}))
        places[key] = reads
        if key not in names:
            continue
        guided, given = without_filling(guide.real(key), other.real(names[key]))
        compared_with = in_shape(given, guided.shape)
        if compared_with is None:
            continue
        values = (guided, compared_with) if guide is a else (compared_with, guided)
        found = compared(layer.name, layer.kind, *values, scalable=key not in (IMAGE, OUTPUT))
        rounded = a.rounds(key) or b.rounds(key)
        yield replace(found, reads=reads, rounded=rounded)
        places[key], count = (count,), count + 1


def table(explanation: Explanation) -> str:
    """The layers as text, the one that diverges marked, below one line that says what was found."""
    rows = [("layer", "operator", "shape", "SQNR", "loss", "largest difference", "")]
    for place, layer in enumerate(explanation.layers):
        notes = ["<- first to diverge"] if place == explanation.first else []
        notes += ["scaled"] if layer.rescaled else []
        notes += [f"{layer.not_finite} values not finite"] if layer.not_finite else []
        shape = "x".join(map(str, layer.shape))
        loss, largest = f"{layer.drop_db:.1f} dB", f"{layer.largest_difference:.2g}"
        rows.append(
            (layer.layer, layer.kind, shape, _decibels(layer), loss, largest, ", ".join(notes))
        )
    return f"{explanation}\n{aligned(rows, (3, 4, 5))}"


def _decibels(layer: LayerDrift) -> str:
    return EXACT if layer.sqnr_db is None else f"{layer.sqnr_db:.1f} dB"


def as_dict(explanation: Explanation) -> dict:
    """The explanation as a program reads it; ``first`` by name, or null."""
    place = explanation.first
    return {
        **asdict(explanation),
        "first": None if place is None else explanation.layers[place].layer,
        "found": str(explanation),
    }
