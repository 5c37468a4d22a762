"""``bench gate``: the exported files against the limits of gate.toml."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, fields

from bench.console.output import Output
from bench.engine.session import DeviceRun
from bench.gates import (
    accuracy_gate,
    coverage_gate,
    gate_output,
    gate_times,
    paired_predictions,
    size_gate,
    speedup_gate,
)
from bench.gates.baseline import read_baselines
from bench.gates.gate_output import Times
from bench.gates.gate_session import MEASURE_HELP, PLAN, open_device_run
from bench.gates.limits import EXAMPLE, GATE_FILE, Limits, read_limits
from bench.gates.next_steps import NextSteps
from bench.gates.paired_predictions import Pair
from bench.gates.verdict import Verdict, counts, failing
from bench.history.history import History
from models.command_line import options
from models.command_line.advice import make_line
from models.command_line.errors import CheckFailed, DeviceError, RequestError
from models.command_line.options import Options
from models.source import resolve

LIMITS_NOTHING = ("inconclusive", "latency_reference", "min_slowdown_ms")


@dataclass(frozen=True)
class GateOptions:
    """The plan of the measurement, and the files for a CI server and a pull request."""

    plan: str = PLAN
    cores: str = ""
    junit: str = ""
    markdown: str = ""


HELP = {
    **MEASURE_HELP,
    "junit": "file for JUnit XML",
    "markdown": "file for a summary in Markdown, for a pull request",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Every option of the project, and those of the gate."""
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, GateOptions, HELP)


def run(namespace: Namespace, typed: str) -> None:
    """``bench gate`` as typed."""
    gate = options.from_namespace(namespace, GateOptions)
    run_gate(options.from_namespace(namespace), gate, typed, Output(namespace.json))


def run_gate(asked: Options, gate: GateOptions, command: str, output: Output) -> None:
    """Measure, record, evaluate and print; CheckFailed, naming the files, where a limit is exceeded
    or, unless that may be, a verdict is inconclusive.

    RequestError where there is nothing to check, or the model was not trained for DATA's classes.
    """
    limits = checked_limits()
    for name in ("junit", "markdown"):
        gate_output.check_writable(name.upper(), getattr(gate, name))
    with open_device_run("gate", asked, gate.plan, gate.cores, command) as device_run:
        compared = paired_predictions.pairs(device_run)
        if device_run.session.exported.manifest.classes:
            _refuse_unknown_labels(asked, limits)
        if not compared and limits.max_drop_points is not None:
            raise _nothing_to_compare(asked, device_run)
        history = History()
        history.check()
        took = Times()
        verdicts, about, notes = _verdicts(device_run, history, compared, limits, took)
    _report(device_run, gate, limits, verdicts, about, notes, took, output)


def _nothing_to_compare(asked: Options, device_run: DeviceRun) -> RequestError:
    wrong = "no quantized file with a float32 file to compare its accuracy with"
    if asked.file is not None:
        return RequestError(
            f"FILE has {wrong}; name both, or leave max_drop_points out of gate.toml"
        )
    folder = device_run.session.exported.folder
    return RequestError(f"{folder} has {wrong}; run {make_line('export', asked)} first")


def _report(
    device_run: DeviceRun,
    gate: GateOptions,
    limits: Limits,
    verdicts: list[Verdict],
    about: str,
    notes: Sequence[str],
    took: Times,
    output: Output,
) -> None:
    session = device_run.session
    model_id = session.exported.manifest.model_id
    title = f"{model_id} on {device_run.device.name}"
    threads = f"{session.options.threads} threads"
    bad = failing(verdicts, limits.inconclusive)
    output.say(f"{title}, {threads}{about}", *(f"note: {note}" for note in notes))
    output.say(gate_output.table(verdicts), counts(verdicts))
    output.give(
        model_id=model_id,
        session=session.id,
        passed=not bad,
        gates=[verdict.as_dict() for verdict in verdicts],
        warnings=list(notes),
    )
    output.end()
    # Only now: the verdicts are there whatever becomes of the files.
    junit = gate_output.junit(title, verdicts, limits.inconclusive, took)
    markdown = gate_output.markdown(title, verdicts, limits.inconclusive)
    unwritten = [
        *gate_output.write(gate.junit, junit),
        *gate_output.write(gate.markdown, markdown),
    ]
    if bad:
        raise CheckFailed("; ".join([*map(_in_one_line, bad), *unwritten]))
    if unwritten:
        raise DeviceError("; ".join(unwritten))


def _verdicts(
    device_run: DeviceRun,
    history: History,
    compared: Sequence[Pair],
    limits: Limits,
    took: Times,
) -> tuple[list[Verdict], str, tuple[str, ...]]:
    """The verdicts of every gate, a text about the images, and notes on them."""
    session = device_run.session
    stored = history.newest_baseline(device_run.device.name, session.exported.manifest.model_id)
    baselines, next_steps = read_baselines(stored), NextSteps.of(session)
    found, latency = gate_times.timed(device_run, history, baselines, limits, next_steps)
    accuracy, about, notes = [], "", ()
    has_classes = session.exported.manifest.classes > 0
    if limits.max_drop_points is not None:
        accuracy = paired_predictions.missing(device_run)
    if not has_classes:
        accuracy = [*accuracy_gate.skipped(_files(compared), limits), *accuracy]
    elif limits.max_drop_points is not None and compared:
        evaluated = paired_predictions.compare_accuracy(device_run, history, found, compared)
        accuracy = [*accuracy_gate.check(evaluated.comparisons, limits), *accuracy]
        about, notes = f"; accuracy on {evaluated.about}", evaluated.notes
    for record in found.values():
        took.inferring(record.artifact, record.result.runtime, record.result.samples_ns)
    of_file = {variant.artifact.name: record for variant, record in found.items()}
    pooled = gate_times.more_for_speedup(device_run, history, found, limits)
    verdicts = [
        *accuracy,
        *latency,
        *speedup_gate.check(pooled, limits, next_steps),
        *coverage_gate.check(of_file, session.exported.paths_by_name, limits),
        *size_gate.check(of_file, limits),
    ]
    return verdicts, about, notes


def _files(compared: Sequence[Pair]) -> list[tuple[str, str]]:
    """File and runtime of each quantized file of the pairs."""
    return [(quantized.artifact.name, quantized.runtime) for _, quantized in compared]


def checked_limits() -> Limits:
    """The limits of gate.toml; RequestError where there are none."""
    limits = read_limits()
    checked = [f.name for f in fields(Limits) if f.name not in LIMITS_NOTHING]
    if all(getattr(limits, name) in (None, {}) for name in checked):
        raise RequestError(f"{GATE_FILE} has no limits; write it again, e.g. {EXAMPLE}")
    return limits


def _refuse_unknown_labels(asked: Options, limits: Limits) -> None:
    source = resolve(asked)
    if limits.max_drop_points is not None and not source.labels_known:
        if asked.data is None:
            line = make_line("gate", asked, data="folder")
            raise RequestError(
                "no images were given to compare top-1 on; run "
                f"{line} with a folder of class folders or an .npz with x and y, or leave "
                "max_drop_points out of gate.toml"
            )
        weights = source.identity().get("weights", "those of MODEL")
        raise RequestError(
            f"the model was not trained for the classes of DATA={asked.data} "
            f"(WEIGHTS={weights}), so it has no top-1 to compare; use weights that were trained "
            "for them, data of the classes it was trained for, or leave max_drop_points out of "
            "gate.toml"
        )


def _in_one_line(verdict: Verdict) -> str:
    found = "; ".join(part for part in (verdict.found, verdict.limit) if part)
    found = found or verdict.explanation
    return f"{verdict.gate} of {verdict.file} {verdict.outcome} ({found})"
