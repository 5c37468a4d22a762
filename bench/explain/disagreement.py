"""Rows whose outputs differ from another's beyond a limit, and the layer where that begins."""

from collections.abc import Mapping, Sequence

import numpy as np

from bench.devices.settings import HOST
from bench.engine.evaluation import Evaluation
from bench.engine.session import Session
from bench.engine.variant import Variant
from bench.explain.explain import KERAS, Explanation, Side, explain, flipped_first
from bench.measurement.drift import DriftLimit, beyond, names
from bench.measurement.record import Drift
from models.command_line.progress import step
from models.data.preprocessing import preprocessed


def disagreeing(drifts: Sequence[Drift], limit: DriftLimit) -> list[Drift]:
    """Of the pairs beyond ``limit`` those that say something new, in the order of the columns.

    For each column the first that it disagrees with and that is not suspect itself: Keras is first,
    and who disagrees with Keras disagrees with all that do not.
    """
    order = {name: n for n, name in enumerate(names(drifts))}
    found: dict[str, Drift] = {}
    for drift in sorted(beyond(drifts, limit), key=lambda d: (order[d.b], order[d.a])):
        if drift.a not in found:
            found.setdefault(drift.b, drift)
    return list(found.values())


def explanations(
    session: Session,
    variants: Sequence[Variant],
    evaluation: Evaluation,
    indices: np.ndarray,
    columns: Mapping[str, np.ndarray],
    pairs: Sequence[Drift],
) -> list[Explanation]:
    """One for each pair of Keras and this machine's columns, on images whose predictions differ.
    ``indices``: of the images that the rows of ``columns`` are outputs for."""
    reference = session.exported.reference_column
    sides = {reference: Side(reference, KERAS, options=session.options)}
    for variant in variants:
        artifact, path = variant.artifact, session.exported.path(variant.artifact)
        name = variant.column(HOST)
        sides[name] = Side(name, variant.runtime, path, artifact.format)
    manifest, found = session.exported.manifest, []
    for pair in pairs:
        with step(f"layers of {pair.a} and of {pair.b}"):
            rows = np.sort(flipped_first(columns[pair.a], columns[pair.b], manifest.output_kind))
            pixels = (image for _, image in evaluation.dataset.images(indices[rows]))
            images = np.stack([preprocessed(image, manifest.preprocess) for image in pixels])
            found.append(explain(sides[pair.a], sides[pair.b], images))
    return found
