"""The layer that diverges: the source of the noise, as opposed to noise that it was given.

Where one of the next two layers of a chain comes out better, a layer's difference was of form
(channels scaled, split or clipped on one side, and undone by the layers after it) and not of
content. Each layer is therefore taken at the best of the three. Further on even a fault fades: SQNR
rises towards the output, as the classes are what is left. Averages end a chain for the same reason.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench.explain.layer_drift import CEILING_DB, LayerDrift

AVERAGES = (
    "MEAN", "AVERAGE_POOL_2D", "ReduceMean", "GlobalAveragePool", "AveragePool",
)  # fmt: skip
UNDONE_WITHIN = 2  # layers; the copies of a split channel pass a depthwise layer
MIN_DROP_DB = 6.0  # the layer adds three times the noise that it is given
# Noise of a layer's own below this is not what rounding makes. Layers of int8 files that are
# right were at 22 dB and better, of float files at 60 dB and better.
ROUNDED_DB = 20.0
FLOAT_DB = 30.0


def with_drops(layers: Sequence[LayerDrift]) -> tuple[LayerDrift, ...]:
    """The layers, in execution order, each with what is lost since the worst that it reads; the
    input, which reads nothing, since CEILING_DB.

    A layer that is kept scaled, alone of all up to there, and that the next layer does not take as
    such, is not scaled but wrong: it is taken as it is.
    """
    layers = _with_drops(layers)
    place = first(layers)
    for source in () if place is None else layers[place].reads:
        if layers[source].rescaled and not any(ahead.rescaled for ahead in layers[:source]):
            wrong = replace(layers[source], sqnr_db=layers[source].unscaled_db, rescaled=False)
            return _with_drops([*layers[:source], wrong, *layers[source + 1 :]])
    return layers


def _with_drops(layers: Sequence[LayerDrift]) -> tuple[LayerDrift, ...]:
    settled = _settled(layers)
    return tuple(
        replace(layer, drop_db=min((settled[i] for i in layer.reads), default=CEILING_DB) - here)
        for layer, here in zip(layers, settled, strict=True)
    )


def first(layers: Sequence[LayerDrift]) -> int | None:
    """The place of the first layer that adds more noise than rounding can; None where none does.

    ``layers`` as ``with_drops`` gives them. Beside MIN_DROP_DB, the noise that the layer adds of
    its own has to be above ROUNDED_DB, or FLOAT_DB where both sides keep it float.
    """
    for place, (layer, here) in enumerate(zip(layers, _settled(layers), strict=True)):
        own = _noise(here) - _noise(here + layer.drop_db)
        limit = ROUNDED_DB if layer.rounded else FLOAT_DB
        if layer.drop_db >= MIN_DROP_DB and own > _noise(limit):
            return place
    return None


def steepest(layers: Sequence[LayerDrift]) -> int:
    """The place of the layer that loses most, the input apart, which an int8 file always rounds."""
    return max(range(1, len(layers)), key=lambda place: layers[place].drop_db)


def _noise(sqnr_db: float) -> float:
    """Energy of the noise as a share of the signal's."""
    return 10 ** (-sqnr_db / 10)


def _settled(layers: Sequence[LayerDrift]) -> list[float]:
    """The SQNR of each layer or, where that is better, of the next ones of its chain."""
    readers: dict[int, list[int]] = {}
    for place, layer in enumerate(layers):
        if len(layer.reads) == 1 and layer.kind not in AVERAGES:
            readers.setdefault(layer.reads[0], []).append(place)
    settled = [layer.capped_db for layer in layers]
    for _ in range(UNDONE_WITHIN):
        settled = [
            max([layer.capped_db, *(settled[reader] for reader in readers.get(place, ()))])
            for place, layer in enumerate(layers)
        ]
    return settled
