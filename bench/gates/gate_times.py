"""Times for the gates: every file in turns, beside the baseline's file where it has changed."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.engine.session import DeviceRun
from bench.engine.turns import in_turns
from bench.engine.variant import Variant
from bench.gates import latency_gate, speedup_gate
from bench.gates.baseline import Baseline
from bench.gates.latency_gate import Compared
from bench.gates.limits import Limits
from bench.gates.next_steps import NextSteps
from bench.gates.noise import change_between, change_in_turns, joined
from bench.gates.verdict import Verdict
from bench.history.history import History
from bench.measurement.record import Record, now_utc
from bench.measurement.result import Result, RunFailed
from models.command_line.progress import step

MORE_ROUNDS = 2
Baselines = Mapping[tuple[str, str], Baseline]


def timed(
    run: DeviceRun, history: History, baselines: Baselines, limits: Limits, next_steps: NextSteps
) -> tuple[dict[Variant, Record], list[Verdict]]:
    """The record of each variant, and the verdicts of the gate of latency (none where it is off).

    RunFailed where a file does not run.
    """
    if limits.max_slowdown_percent is None:
        return _round(run, history, run.variants, {}, "timing")[0], []
    of = {v: baselines.get((v.artifact.name, v.runtime)) for v in run.variants}
    again = limits.latency_reference == "file"
    kept = {v: b.kept_file for v, b in of.items() if again and _is_to_be_timed_again(v, b)}
    found, references = _round(run, history, run.variants, kept, "timing")
    verdicts, compared = {}, {}
    for variant, record in found.items():
        baseline, reference = of[variant], references.get(variant)
        verdict = latency_gate.not_comparable(record, baseline, next_steps)
        if verdict is None and again and reference is None:
            verdict = _without_reference(record, baseline, next_steps)
        if verdict is None:
            compared[variant] = compare(record.result, baseline, reference)
        else:
            verdicts[variant] = verdict
    compared = _measured_again(run, history, compared, of, kept, limits)
    verdicts |= {
        variant: latency_gate.verdict_on(found[variant], one, limits, next_steps)
        for variant, one in compared.items()
    }
    return found, [verdicts[variant] for variant in run.variants]


def _is_to_be_timed_again(variant: Variant, baseline: Baseline | None) -> bool:
    """True where the baseline's file is not today's, and still there."""
    if baseline is None or variant.artifact.sha256 == baseline.record.artifact_sha256:
        return False
    return baseline.kept_file.is_file()


def _without_reference(record: Record, baseline: Baseline, next_steps: NextSteps) -> Verdict:
    """The verdict on a file that has not changed, or whose older one is gone."""
    if record.artifact_sha256 == baseline.record.artifact_sha256:
        return latency_gate.unchanged(record, baseline)
    return latency_gate.no_older_file(record, baseline, next_steps)


def compare(result: Result, baseline: Baseline, reference: Result | None) -> Compared:
    """One round: against the file that took turns with it, or against the times of then."""
    if reference is None:
        change = change_between(result, baseline.medians_ns)
        return Compared((change,), median(baseline.medians_ns), baseline.between_rounds)
    change = change_in_turns(result, reference)
    return Compared((change,), median(reference.samples_ns), baseline.in_turns)


def _measured_again(
    run: DeviceRun,
    history: History,
    compared: dict[Variant, Compared],
    of: Mapping[Variant, Baseline],
    kept: Mapping[Variant, Path],
    limits: Limits,
) -> dict[Variant, Compared]:
    """Two more rounds for what looks slower."""
    slower = [v for v, one in compared.items() if latency_gate.looks_slower(one, limits)]
    for number in range(MORE_ROUNDS if slower else 0):
        doing = f"measuring again what looks slower, {number + 1} of {MORE_ROUNDS}"
        again = {v: kept[v] for v in slower if v in kept}
        found, references = _round(run, history, slower, again, doing)
        for variant, record in found.items():
            before = compared[variant]
            now = compare(record.result, of[variant], references.get(variant))
            compared[variant] = replace(before, changes=(*before.changes, *now.changes))
    return compared


def more_for_speedup(
    run: DeviceRun, history: History, found: dict[Variant, Record], limits: Limits
) -> dict[str, Record]:
    """``found`` by file name. Files whose speed-up is inconclusive take more turns with float32, up
    to two rounds, and have the samples of all rounds in which they took turns with it."""
    of_file = {variant.artifact.name: variant for variant in found}
    records_of = {name: found[variant] for name, variant in of_file.items()}
    for number in range(MORE_ROUNDS):
        names = speedup_gate.inconclusive(records_of, limits)
        if not names:
            break
        doing = f"more turns for {' '.join(names)}, {number + 1} of {MORE_ROUNDS}"
        variants = [of_file[name] for name in names]
        again, _ = _round(run, history, variants, {}, doing, lambda key: key[0].artifact.format)
        anew = speedup_gate.apart(records_of, limits)
        for variant, record in again.items():
            name = variant.artifact.name
            before = records_of[name]
            of_all = record.result if name in anew else joined(before.result, record.result)
            records_of[name] = replace(before, result=of_all)
    return records_of


def _round(
    run: DeviceRun,
    history: History,
    variants: Sequence[Variant],
    kept: Mapping[Variant, Path],
    doing: str,
    together: Callable[[tuple[Variant, str]], Hashable] = lambda key: key[0],
) -> tuple[dict[Variant, Record], dict[Variant, Result]]:
    """Records of the variants, and results of their kept files. Each takes turns with its kept
    file, and with all that are the same ``together``."""
    jobs = {}
    for variant in variants:
        job = run.job(variant)
        if variant in kept:
            jobs[variant, "kept"] = replace(job, artifact=kept[variant])
        jobs[variant, "new"] = job
    started = now_utc()
    with step(doing) as show:
        results = in_turns(run.device, jobs, show, together)
    found, references = {}, {}
    for (variant, which), result in results.items():
        record = run.record("gate", variant, result, started)
        if which == "kept":
            path = kept[variant]
            record = replace(
                record, artifact_sha256=path.stem, artifact_bytes=path.stat().st_size
            )  # fmt: skip
        record = replace(record, id=history.append(record))
        if result.error:
            raise RunFailed(f"{record.artifact} in {result.runtime}: {result.error}")
        if which == "kept":
            references[variant] = result
        else:
            found[variant] = record
    return found, references
