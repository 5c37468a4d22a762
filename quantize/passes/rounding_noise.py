"""The noise that the rounding of activations makes in the outputs of a network, to be expected."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quantize.ranges.calibration import Activation

LEAST_GAIN = 0.01  # of all the noise: what gains less is not worth what it changes


@dataclass(frozen=True)
class RoundingNoise:
    """Noise by name and channel, for the ranges that ``statistics`` saw.

    ``importance``: the squared gradients of each channel, float64 [channels], by name; empty where
    no gradient is known, so that nothing is known of the outputs.
    """

    statistics: Mapping[str, Activation]
    importance: Mapping[str, np.ndarray]

    def of(self, name: str) -> np.ndarray | None:
        """The noise of each channel of an activation, [channels]; None where it is not known."""
        importance = self.importance.get(name)
        return None if importance is None else self.statistics[name].step ** 2 * importance

    @cached_property
    def total(self) -> float:
        return float(sum(self.of(n).sum() for n in self.importance if n in self.statistics))

    def is_worth(self, gain: float) -> bool:
        """True where ``gain``, of the noise, is no trifle; always where nothing is known."""
        return not self.importance or gain >= LEAST_GAIN * self.total
