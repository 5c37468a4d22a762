"""Comparisons of a session's outputs: every pair, devices with this machine, and layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.console.drift_table import drift_table
from bench.console.output import Output
from bench.devices.settings import HOST
from bench.engine.evaluation import Evaluation
from bench.engine.session import DeviceRun, Session
from bench.engine.variant import Variant
from bench.explain import explain
from bench.explain.disagreement import disagreeing, explanations
from bench.history.history import History
from bench.measurement import drift
from bench.measurement.record import Drift, Record
from bench.run import host_difference
from models.command_line.progress import step

Place = tuple[str, Variant]  # a row, by its device's name


@dataclass
class EvaluatedRows:
    """The state of an evaluation: ``rows`` with their accuracy, ``outputs`` float32 [n, classes] of
    each place for the images at ``indices``, and in ``missing``, by runtime and reason, the files
    that this machine has no outputs of."""

    rows: dict[Place, Record]
    indices: np.ndarray
    outputs: dict[Place, np.ndarray] = field(default_factory=dict)
    missing: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def compare(
    runs: Sequence[DeviceRun],
    history: History,
    output: Output,
    evaluation: Evaluation,
    evaluated: EvaluatedRows,
    keras: np.ndarray,
) -> None:
    """Print and record the drift matrix, and what further comparisons were asked for."""
    session = runs[0].session
    # What one device has, another may have not.
    variants = list(dict.fromkeys(variant for run in runs for variant in run.variants))
    # Of a pair the first is the signal of the SQNR: this machine before the others.
    devices = list(dict.fromkeys([HOST, *(run.device.name for run in runs)]))
    columns = {session.exported.reference_column: keras}
    for device in devices:
        for variant in variants:
            if (device, variant) in evaluated.outputs:
                columns[variant.column(device)] = evaluated.outputs[device, variant]
    with step("drift"):
        manifest = session.exported.manifest
        drifts = drift.matrix(session.id, columns, manifest.output_kind, manifest.outputs)
    history.add_drift(drifts)
    output.give(drift=[drift.as_dict(one) for one in drifts])
    if session.measure.drift:
        output.say("", drift_table(drifts, output.wide))
    others = devices[1:]
    if others:
        _compare_with_host(session, variants, others, output, evaluated)
    if session.measure.explain:
        indices = evaluated.indices
        _explain(session, variants, others, output, evaluation, indices, columns, drifts)


def _compare_with_host(
    session: Session,
    variants: Sequence[Variant],
    devices: Sequence[str],
    output: Output,
    evaluated: EvaluatedRows,
) -> None:
    kind, outputs, given = session.exported.manifest.output_kind, evaluated.outputs, []
    for device in devices:
        found = [
            host_difference.host_difference(
                device, variant, outputs[device, variant], outputs[HOST, variant], kind
            )
            for variant in variants
            if (device, variant) in outputs and (HOST, variant) in outputs
        ]
        given += found
        if found:
            output.say("", host_difference.text(found))
    lacking = [
        f"{', '.join(names)} in {runtime}: {why}"
        for (runtime, why), names in evaluated.missing.items()
    ]
    output.say(*(f"note: {HOST} has no outputs to compare with of {one}" for one in lacking))
    differences = [host_difference.as_dict(one) for one in given]
    output.give(host_differences=differences, lacking=lacking)
    output.give(counterparts=differences)  # their name in earlier output


def _explain(
    session: Session,
    variants: Sequence[Variant],
    devices: Sequence[str],
    output: Output,
    evaluation: Evaluation,
    indices: np.ndarray,
    columns: Mapping[str, np.ndarray],
    drifts: list[Drift],
) -> None:
    """Layers can be looked into on this machine alone."""
    local = {session.exported.reference_column, *(variant.column(HOST) for variant in variants)}
    limit = drift.DriftLimit()
    pairs = disagreeing([one for one in drifts if {one.a, one.b} <= local], limit)
    if devices:
        output.say(
            "",
            f"note: layers are compared on {HOST} only: the explanation is of its own run of "
            f"the files, not of that on {', '.join(devices)}",
        )
    if not pairs:
        output.say(
            "",
            f"no two agree on fewer than {limit.agreement:.0%} of the images or are below "
            f"{limit.sqnr_db:g} dB: nothing to explain",
        )
    found = explanations(session, variants, evaluation, indices, columns, pairs)
    for explanation in found:
        output.say("", explain.table(explanation))
    output.give(explanations=[explain.as_dict(explanation) for explanation in found])
