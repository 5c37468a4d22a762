"""How far the answers of a bench are apart: each from each, devices from this machine, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.console.output import Output
from bench.devices.settings import HOST
from bench.engine.evaluation import Evaluation
from bench.engine.session import Bench
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
class Said:
    """What has been answered so far: ``rows`` with their accuracy, ``outputs`` float32 [n, classes]
    of each place for the images at ``indices``, and in ``missing`` why this machine has none."""

    rows: dict[Place, Record]
    indices: np.ndarray
    outputs: dict[Place, np.ndarray] = field(default_factory=dict)
    missing: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def compare(
    benches: Sequence[Bench],
    history: History,
    output: Output,
    evaluation: Evaluation,
    said: Said,
    keras: np.ndarray,
) -> None:
    """Print and record the drift matrix, and what further comparisons were asked for."""
    every = dict.fromkeys(variant for bench in benches for variant in bench.variants)
    whole = replace(benches[0], variants=list(every))  # what one device has, another may have not
    # Of a pair the first is the signal of the SQNR: this machine before the others.
    devices = list(dict.fromkeys([HOST, *(bench.device.name for bench in benches)]))
    columns = {explain.KERAS: keras}
    for device in devices:
        for variant in whole.variants:
            if (device, variant) in said.outputs:
                columns[variant.column(device)] = said.outputs[device, variant]
    with step("drift"):
        drifts = drift.matrix(whole.session, columns, whole.exported.manifest.output_kind)
    history.add_drift(drifts)
    output.give(drift=[drift.as_dict(one) for one in drifts])
    if whole.timing.drift:
        output.say("", drift.table(drifts))
    if devices != [HOST]:
        _compare_with_host(whole, devices[1:], output, said)
    if whole.timing.explain:
        _explain(whole, devices[1:], output, evaluation, said.indices, columns, drifts)


def _compare_with_host(bench: Bench, devices: Sequence[str], output: Output, said: Said) -> None:
    kind, given = bench.exported.manifest.output_kind, []
    for device in devices:
        both = [
            (variant, said.outputs[device, variant], said.outputs[HOST, variant])
            for variant in bench.variants
            if (device, variant) in said.outputs and (HOST, variant) in said.outputs
        ]
        found = [host_difference.counterpart(device, *sides, kind) for sides in both]
        given += found
        if found:
            output.say("", host_difference.text(found))
    lacking = [
        f"{', '.join(names)} in {runtime}: {why}" for (runtime, why), names in said.missing.items()
    ]
    output.say(*(f"note: {HOST} has no answers to compare with of {one}" for one in lacking))
    output.give(counterparts=[host_difference.as_dict(one) for one in given], lacking=lacking)


def _explain(
    bench: Bench,
    devices: Sequence[str],
    output: Output,
    evaluation: Evaluation,
    indices: np.ndarray,
    columns: Mapping[str, np.ndarray],
    drifts: list[Drift],
) -> None:
    """Layers can be looked into on this machine alone."""
    here = {explain.KERAS, *(variant.column(HOST) for variant in bench.variants)}
    limit = drift.DriftLimit()
    pairs = disagreeing([one for one in drifts if {one.a, one.b} <= here], limit)
    if devices:
        output.say(
            "",
            f"note: layers can be compared on {HOST} alone; explained is its own run of the files, "
            f"not that of {', '.join(devices)}",
        )
    if not pairs:
        output.say(
            "",
            f"no two agree on fewer than {limit.agreement:.0%} of the images or are below "
            f"{limit.sqnr_db:g} dB: nothing to explain",
        )
    found = explanations(bench, evaluation, indices, columns, pairs)
    for explanation in found:
        output.say("", explain.table(explanation))
    output.give(explanations=[explain.as_dict(explanation) for explanation in found])
