"""``bench gate``: the exported files against the limits of gate.toml."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, fields

from bench.console.output import Output
from bench.engine.exported import make_export
from bench.engine.session import Bench
from bench.gates import accuracy as gate_accuracy
from bench.gates import coverage as gate_coverage
from bench.gates import gate_output, gate_times, paired_predictions
from bench.gates import size as gate_size
from bench.gates import speedup as gate_speedup
from bench.gates.baseline import read_baselines
from bench.gates.gate_session import TIMING_HELP, open_bench
from bench.gates.verdict import Row, counts, failing
from bench.history.history import History
from models.command_line import options
from models.command_line.errors import CheckFailed, RequestError
from models.command_line.options import Options
from models.source import resolve
from quantize.methods.limits import EXAMPLE, GATE_FILE, Limits, read_limits

NOT_OF_GATE = ("cannot_tell", "latency_reference", "min_slowdown_ms", "min_sqnr_db",
               "max_latency_ratio")  # fmt: skip


@dataclass(frozen=True)
class Gating:
    """How to measure, and where to write what a CI server and a pull request show."""

    plan: str = "gate"
    cores: str = ""
    junit: str = ""
    markdown: str = ""


HELP = {
    **TIMING_HELP,
    "junit": "file for JUnit XML",
    "markdown": "file for a summary in Markdown, for a pull request",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Every option of the project, and those of the gate."""
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, Gating, HELP)


def run(namespace: Namespace, typed: str) -> None:
    """``bench gate`` as typed."""
    gating = options.from_namespace(namespace, Gating)
    run_gate(options.from_namespace(namespace), gating, typed, Output(namespace.json))


def run_gate(asked: Options, gating: Gating, command: str, output: Output) -> None:
    """Measure, record, judge and print; CheckFailed, naming the rows, where a limit is exceeded or
    the evidence does not reach.

    RequestError where there is nothing to check, or DATA's answers are not known to the model.
    """
    limits = _checked_limits()
    for name in ("junit", "markdown"):
        gate_output.check_writable(name.upper(), getattr(gating, name))
    with open_bench(asked, gating.plan, gating.cores, command) as bench:
        compared = paired_predictions.pairs(bench, make_export(asked))
        _refuse_unknown_labels(asked, limits)
        history = History()
        history.check()
        rows, about = _rows(bench, history, compared, limits)
    _say(bench, gating, limits, rows, about, output)


def _say(
    bench: Bench, gating: Gating, limits: Limits, rows: list[Row], about: str, output: Output
) -> None:
    title = f"{bench.exported.manifest.model_id} on {bench.device.name}"
    threads = f"{bench.options.threads} threads"
    bad = failing(rows, limits.cannot_tell)
    gate_output.write(gating.junit, gate_output.junit(title, rows, limits.cannot_tell))
    gate_output.write(gating.markdown, gate_output.markdown(title, rows, limits.cannot_tell))
    output.say(f"{title}, {threads}{about}", gate_output.table(rows), counts(rows))
    output.give(
        model_id=bench.exported.manifest.model_id,
        session=bench.session,
        passed=not bad,
        gates=[row.as_dict() for row in rows],
    )
    output.end()
    if bad:
        raise CheckFailed("; ".join(map(_in_one_line, bad)))


def _rows(bench: Bench, history: History, compared: list, limits: Limits) -> tuple[list[Row], str]:
    """What every gate says, and on which images."""
    stored = history.newest_baseline(bench.device.name, bench.exported.manifest.model_id)
    found, latency = gate_times.timed(bench, history, read_baselines(stored), limits)
    accuracy, about = [], ""
    if limits.max_drop_points is not None:
        judged = paired_predictions.judged(bench, history, found, compared)
        accuracy = gate_accuracy.check(judged.comparisons, limits)
        about = f"; accuracy on {judged.about}"
    of_file = {variant.artifact.name: record for variant, record in found.items()}
    pooled = gate_times.more_for_speedup(bench, history, found, limits)
    rows = [
        *accuracy,
        *latency,
        *gate_speedup.check(pooled, limits),
        *gate_coverage.check(of_file, bench.exported.folder, limits),
        *gate_size.check(of_file, limits),
    ]
    return rows, about


def _checked_limits() -> Limits:
    limits = read_limits()
    checked = [f.name for f in fields(Limits) if f.name not in NOT_OF_GATE]
    if all(getattr(limits, name) in (None, {}) for name in checked):
        raise RequestError(f"{GATE_FILE} limits nothing; write, for example, {EXAMPLE}")
    return limits


def _refuse_unknown_labels(asked: Options, limits: Limits) -> None:
    source = resolve(asked)
    if limits.max_drop_points is not None and not source.labels_known:
        weights = source.identity().get("weights", "those of MODEL")
        raise RequestError(
            f"the model was not trained for the classes of DATA={asked.data} "
            f"(WEIGHTS={weights}), so it has no top-1 to compare; name weights that know "
            "them, the data they were trained for, or leave max_drop_points out of gate.toml"
        )


def _in_one_line(row: Row) -> str:
    said = "; ".join(part for part in (row.found, row.limit) if part) or row.detail
    return f"{row.gate} of {row.file} {row.verdict} ({said})"
