"""``bench baseline``: the exported files measured round by round, for the gate of latency."""

import math
import shutil
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, replace

from bench.console.output import Output
from bench.engine.session import DeviceRun
from bench.engine.turns import in_turns
from bench.gates.baseline import MIN_ROUNDS, Baseline, kept_file, read_baselines
from bench.gates.gate_session import MEASURE_HELP, PLAN, open_device_run
from bench.gates.latency_gate import NS_PER_MS
from bench.history.history import History
from bench.measurement.record import now_utc
from models.command_line import options
from models.command_line.columns import aligned
from models.command_line.errors import DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.progress import step


@dataclass(frozen=True)
class BaselineOptions:
    """The number of rounds, and their plan. More rounds make the noise floor more certain."""

    runs: int = 7
    plan: str = PLAN
    cores: str = ""

    def __post_init__(self) -> None:
        if not MIN_ROUNDS <= self.runs <= 100:
            raise RequestError(f"RUNS is {self.runs}; expected {MIN_ROUNDS} to 100")


HEADING = ("file", "runtime", "median ms", "noise in turns", "between rounds")
HELP = {"runs": "number of rounds to measure", **MEASURE_HELP}


def add_arguments(parser: ArgumentParser) -> None:
    """Every option of the project, and those of a baseline."""
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, BaselineOptions, HELP)


def run(namespace: Namespace, typed: str) -> None:
    """``bench baseline`` as typed; DeviceError where no file could be measured."""
    baseline, output = options.from_namespace(namespace, BaselineOptions), Output(namespace.json)
    asked = options.from_namespace(namespace)
    with open_device_run("baseline", asked, baseline.plan, baseline.cores, typed) as device_run:
        history = History()
        history.check()
        _refuse_emulated(device_run)
        _keep_files(device_run)
        stored = []
        for number in range(1, baseline.runs + 1):
            stored += _round(device_run, history, number, baseline.runs)
    found = read_baselines(stored)
    for record in stored[: 2 * len(device_run.variants) : 2]:
        if (record.artifact, record.result.runtime) not in found:
            output.say(
                f"note: no baseline of {record.artifact}: "
                f"{record.result.error or f'fewer than {MIN_ROUNDS} rounds succeeded'}"
            )
    if not found:
        raise DeviceError("no file could be measured; the lines above give the reasons")
    output.say(_table(device_run, baseline.runs, found))
    rows = [_as_dict(*key, one) for key, one in found.items()]
    output.give(session=device_run.session.id, rows=rows)
    output.end()


def _refuse_emulated(run: DeviceRun) -> None:
    if run.environment.emulated:
        raise RequestError(
            f"DEVICE={run.device.name} is emulated: its times mean nothing, and no gate compares "
            "with them; use a device that is not emulated"
        )


def _keep_files(run: DeviceRun) -> None:
    """Copies of the files by their hash; they may be measured again when newer ones are there."""
    for variant in run.variants:
        artifact = variant.artifact
        target = kept_file(artifact.sha256, artifact.format)
        if not target.exists():
            part = target.with_suffix(".part")
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(run.session.exported.path(artifact), part)
                part.replace(target)
            except OSError as error:
                raise DeviceError(f"cannot keep a copy of {artifact.name}: {error}") from error


def _round(run: DeviceRun, history: History, number: int, of: int) -> list:
    """Every file twice in turns, the two beside each other; in the history when this returns."""
    run = replace(run, session=replace(run.session, id=f"{run.session.id}/{number:03}"))
    started = now_utc()
    jobs = {(variant, half): run.job(variant) for variant in run.variants for half in (1, 2)}
    with step(f"baseline, round {number} of {of}") as show:
        results = in_turns(run.device, jobs, show, together=lambda key: key[0])
    made = []
    for (variant, _), result in results.items():
        record = run.record("baseline", variant, result, started)
        made.append(replace(record, id=history.append(record)))
    return made


def _table(run: DeviceRun, rounds: int, found: dict[tuple[str, str], Baseline]) -> str:
    session, rows = run.session, [HEADING]
    for (artifact, runtime), one in found.items():
        row = _as_dict(artifact, runtime, one)
        in_turns, between = row["floor_in_turns_percent"], row["floor_between_rounds_percent"]
        median = f"{row['median_ms']:.3f}"
        rows.append((artifact, runtime, median, f"{in_turns:.1f}%", f"{between:.1f}%"))
    return "\n".join(
        [
            f"{session.exported.manifest.model_id}: baseline {session.id} of {rounds} rounds on "
            f"{run.device.name}, {session.options.threads} threads",
            aligned(rows, (2, 3, 4)),
            "noise: bound on the differences of equal files (99 %); make gate allows for it",
        ]
    )


def _as_dict(artifact: str, runtime: str, one: Baseline) -> dict:
    medians = sorted(one.medians_ns)
    return {
        "artifact": artifact,
        "runtime": runtime,
        "rounds": len(one.medians_ns),
        "median_ms": medians[len(medians) // 2] / NS_PER_MS,
        "floor_in_turns_percent": 100 * math.expm1(one.in_turns.floor(1)),
        "floor_between_rounds_percent": 100 * math.expm1(one.between_rounds.floor(1)),
    }
