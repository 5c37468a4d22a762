"""The judge of files: right is what has no more error than its arithmetic explains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from export.artifact import Artifact
from export.limits import Limits
from export.loading import READERS, Trial
from models.network import Network
from quantize.evaluate.output_comparison import ComparisonSummary, compare
from quantize.schemes.scheme import FLOAT16, FLOAT32, FLOATS

EXACT_FORMAT = "tflite"  # whose float16 file rounds exactly what the rounded graph does, and whose
# integers those of the other format are


@dataclass(frozen=True)
class Judge:
    """A judge of files of ``network`` by their outputs beside Keras's ``reference``.

    ``half``: by the format of a float16 file, the trial of the float32 graph with the same numbers
    rounded. ``measure_rounding``
    gives what float32's rounding makes of the outputs; it takes long, so it is measured only where
    a file is beyond the limit that nearly all stay under.
    """

    reference: np.ndarray
    network: Network
    limits: Limits
    half: Mapping[str, Trial]
    measure_rounding: Callable[[], float]
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def rounding(self) -> float:
        return self.measure_rounding()

    def fault(self, artifact: Artifact, by_runtime: dict[str, Trial]) -> str | None:
        """The reason why a file is not to be delivered; None where it is right."""
        runtime = READERS[artifact.format][0]
        outputs, found = by_runtime[runtime].outputs, artifact.fidelity
        if found is None:
            return f"it does not run in {runtime}: {artifact.loads_in[runtime]}"
        if artifact.scheme == FLOAT32.name:
            return self._float32(artifact, found)
        if artifact.scheme == FLOAT16.name:
            return self._float16(artifact, found, outputs)
        return None

    def beside_twin(self, artifact: Artifact, twin: Artifact | None) -> str | None:
        """The reason why a file of integers is wrong beside its ``twin`` of the other format, which
        has the same integers; None where it is right or there is nothing to compare with."""
        if artifact.scheme in {scheme.name for scheme in FLOATS} or twin is None:
            return None
        if twin.fidelity is None:
            return None
        found_db, twin_db = _decibels(artifact.fidelity), _decibels(twin.fidelity)
        if found_db >= twin_db - self.limits.max_int8_excess_db:
            return None
        runtime = READERS[artifact.format][0]
        return (
            f"it has an SQNR of {found_db:.1f} dB in {runtime}, and {twin.name}, which has the "
            f"same integers, {twin_db:.1f} dB; {runtime} computes it wrongly"
        )

    def _float32(self, artifact: Artifact, found: ComparisonSummary) -> str | None:
        error, reference = found.max_relative_error, self.network.reference
        if error <= self.limits.max_float32_error:
            return None
        if error > self._allowed:
            return (
                f"it differs from {reference} by {error:.1e} of the largest output; float32's "
                f"rounding explains {self.rounding:.1e}, and at most {self._allowed:.1e} is allowed"
            )
        self.warnings.append(
            f"{artifact.name} differs from {reference} by {error:.1e} of the largest output, as "
            "right files of this network do: float32's rounding alone makes "
            f"{self.rounding:.1e}"
        )
        return None

    @property
    def _allowed(self) -> float:
        """The largest difference that float32's rounding explains."""
        return max(self.limits.max_float32_error, self.limits.rounding_factor * self.rounding)

    def _float16(
        self, artifact: Artifact, found: ComparisonSummary, outputs: np.ndarray
    ) -> str | None:
        half = self.half[artifact.format]
        if half.outputs is None:
            return f"the float32 network with the same rounded weights does not run: {half.status}"
        if artifact.format == EXACT_FORMAT:
            apart = self._compared(half.outputs, outputs).max_relative_error
            if apart <= self.limits.max_float32_error or apart <= self._allowed:
                return None
            return (
                f"it differs by {apart:.1e} of the largest output from the float32 network with "
                f"the same rounded weights; at most {self._allowed:.1e} is allowed"
            )
        explained_db = _decibels(self._compared(self.reference, half.outputs))
        if _decibels(found) >= explained_db - self.limits.max_float16_excess_db:
            return None
        return (
            f"it has an SQNR of {_decibels(found):.1f} dB against {self.network.reference}, where "
            f"rounding the weights to float16 explains {explained_db:.1f} dB"
        )

    def _compared(self, wanted: np.ndarray, outputs: np.ndarray) -> ComparisonSummary:
        return compare(wanted, outputs, self.network.output_kind, self.network.outputs)


def lost_predictions(artifacts: Sequence[Artifact], reference: str = "Keras") -> list[str]:
    """A sentence for each float file that predicts something else than ``reference`` on some
    images."""
    floats = {scheme.name for scheme in FLOATS}
    found = [
        (artifact, round((1 - artifact.fidelity.top1_agreement) * artifact.fidelity.images))
        for artifact in artifacts
        if artifact.scheme in floats and artifact.fidelity.top1_agreement not in (None, 1.0)
    ]
    return [
        f"{artifact.name} predicts another class than {reference} on {lost} of "
        f"{artifact.fidelity.images} images"
        for artifact, lost in found
    ]


def _decibels(found: ComparisonSummary) -> float:
    return np.inf if found.sqnr_db is None else found.sqnr_db
