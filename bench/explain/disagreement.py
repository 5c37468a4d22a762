"""Rows whose answers differ from another's beyond a limit, and the layer where that begins."""

from collections.abc import Mapping, Sequence

import numpy as np

from bench.bench import Bench
from bench.drift import DriftLimit, beyond
from bench.evaluation import Evaluation
from bench.explain.explain import KERAS, Explanation, Side, explain, flipped_first
from bench.record import Drift
from models.progress import step
from models.reference import preprocessed


def disagreeing(drifts: Sequence[Drift], limit: DriftLimit) -> list[Drift]:
    """The pairs beyond ``limit``, for each column only that with the first it disagrees with:
    Keras is first, and what differs from Keras differs from all that do not."""
    order = {name: n for n, name in enumerate(dict.fromkeys(d.a for d in drifts))}
    found: dict[str, Drift] = {}
    for drift in sorted(beyond(drifts, limit), key=lambda drift: order[drift.a]):
        found.setdefault(drift.b, drift)
    return list(found.values())


def explanations(
    bench: Bench,
    evaluation: Evaluation,
    indices: np.ndarray,
    columns: Mapping[str, np.ndarray],
    pairs: Sequence[Drift],
) -> list[Explanation]:
    """One for each pair, on images whose answers differ first. ``indices``: of the images that the
    rows of ``columns`` are outputs for."""
    sides = {KERAS: Side(KERAS, KERAS, options=bench.options)}
    for variant in bench.variants:
        artifact, path = variant.artifact, bench.exported.path(variant.artifact)
        name = variant.column(bench.device.name)
        sides[name] = Side(name, variant.runtime, path, artifact.format)
    manifest, found = bench.exported.manifest, []
    for pair in pairs:
        with step(f"layers of {pair.a} and of {pair.b}"):
            rows = np.sort(flipped_first(columns[pair.a], columns[pair.b], manifest.output_kind))
            pixels = (image for _, image in evaluation.dataset.images(indices[rows]))
            images = np.stack([preprocessed(image, manifest.preprocess) for image in pixels])
            found.append(explain(sides[pair.a], sides[pair.b], images))
    return found
