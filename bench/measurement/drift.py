"""The drift matrix: how far the outputs of every two columns differ, on the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from bench.measurement.accuracy import chunks
from bench.measurement.record import Drift
from models.networks.output_tensor import OutputTensor
from quantize.evaluate.output_comparison import OutputComparison, Outputs


@dataclass(frozen=True)
class DriftLimit:
    """Beyond which two columns disagree: a share of images in [0, 1], and dB of all outputs."""

    agreement: float = 0.99
    sqnr_db: float = 20.0


def matrix(
    session: str,
    columns: Mapping[str, np.ndarray],
    output_kind: str,
    tensors: Sequence[OutputTensor] = (),
) -> list[Drift]:
    """The drift between every two ``columns``: name to outputs float32 [n, classes], which may be
    memory-mapped files. Of each pair the first in ``columns`` is the signal of the SQNR.
    ``tensors``: what the rows are made of, where there are several.

    ValueError where their shapes differ.
    """
    shapes = {name: outputs.shape for name, outputs in columns.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"columns have outputs of different shapes: {shapes}")
    found = {pair: OutputComparison(tensors) for pair in combinations(columns, 2)}
    for rows in chunks(next(iter(columns.values()))) if columns else ():
        outputs_of = {
            name: Outputs.of(outputs[rows], output_kind) for name, outputs in columns.items()
        }
        for (a, b), comparison in found.items():
            comparison.add(outputs_of[a], outputs_of[b])
    return [
        Drift(session=session, a=a, b=b, images=comparison.images, **comparison.figures())
        for (a, b), comparison in found.items()
        if comparison.images
    ]


def beyond(drifts: Sequence[Drift], limit: DriftLimit) -> list[Drift]:
    """The pairs that disagree beyond ``limit``, those of the fewest agreeing images first."""
    found = [
        drift
        for drift in drifts
        if (drift.agreement is not None and drift.agreement < limit.agreement)
        or (drift.sqnr_db is not None and drift.sqnr_db < limit.sqnr_db)
    ]
    return sorted(found, key=lambda drift: drift.agreement or 0.0)


def names(drifts: Sequence[Drift]) -> list[str]:
    """The columns, in the order they were measured."""
    return list(dict.fromkeys(name for drift in drifts for name in (drift.a, drift.b)))


def as_dict(drift: Drift) -> dict:
    """The drift as a program reads it, with its agreement as a share in [0, 1]."""
    return {**asdict(drift), "agreement": drift.agreement}
