"""``bench baseline``: the exported files measured round by round, for the gate of latency."""

import math
import shutil
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, replace

from bench.console.output import Output
from bench.engine.session import Bench
from bench.engine.turns import in_turns
from bench.gates.baseline import MIN_ROUNDS, Baseline, kept_file, read_baselines
from bench.gates.gate_session import TIMING_HELP, open_bench
from bench.gates.latency import NS_PER_MS
from bench.history.history import History
from bench.measurement.record import now_utc
from models.command_line import options
from models.command_line.errors import DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.progress import step


@dataclass(frozen=True)
class Rounds:
    """How often, and how, the files are measured. More rounds make the noise floor surer."""

    runs: int = 7
    plan: str = "gate"
    cores: str = ""

    def __post_init__(self) -> None:
        if not MIN_ROUNDS <= self.runs <= 100:
            raise RequestError(f"RUNS is {self.runs}; expected {MIN_ROUNDS} to 100")


HELP = {"runs": "how many rounds to measure", **TIMING_HELP}


def add_arguments(parser: ArgumentParser) -> None:
    """Every option of the project, and those of a baseline."""
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, Rounds, HELP)


def run(namespace: Namespace, typed: str) -> None:
    """``bench baseline`` as typed; DeviceError where no file could be measured."""
    asked, output = options.from_namespace(namespace, Rounds), Output(namespace.json)
    typed_options = options.from_namespace(namespace)
    with open_bench(typed_options, asked.plan, asked.cores, typed) as bench:
        history = History()
        history.check()
        _refuse_emulated(bench)
        _keep_files(bench)
        stored = []
        for number in range(1, asked.runs + 1):
            stored += _round(bench, history, number, asked.runs)
    found = read_baselines(stored)
    for record in stored[: 2 * len(bench.variants) : 2]:
        if (record.artifact, record.result.runtime) not in found:
            output.say(
                f"note: no baseline of {record.artifact}: "
                f"{record.result.error or f'fewer than {MIN_ROUNDS} rounds succeeded'}"
            )
    if not found:
        raise DeviceError("no file could be measured; its lines above say why")
    output.say(_table(bench, asked.runs, found))
    output.give(
        session=bench.session, rows=[_as_dict(*key, one) for key, one in found.items()]
    )  # fmt: skip
    output.end()


def _refuse_emulated(bench: Bench) -> None:
    if bench.environment.emulated:
        raise RequestError(
            f"DEVICE={bench.device.name} is emulated: its times mean nothing, and no gate compares "
            "with them; name a device that is none"
        )


def _keep_files(bench: Bench) -> None:
    """Copies of the files by their hash; they may be measured again when newer ones are there."""
    for variant in bench.variants:
        artifact = variant.artifact
        target = kept_file(artifact.sha256, artifact.format)
        if not target.exists():
            part = target.with_suffix(".part")
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(bench.exported.path(artifact), part)
                part.replace(target)
            except OSError as error:
                raise DeviceError(f"cannot keep a copy of {artifact.name}: {error}") from error


def _round(bench: Bench, history: History, number: int, of: int) -> list:
    """Every file twice in turns, the two beside each other; in the history when this returns."""
    bench = replace(bench, session=f"{bench.session}/{number:03}")
    started = now_utc()
    jobs = {(variant, half): bench.job(variant) for variant in bench.variants for half in (1, 2)}
    with step(f"baseline, round {number} of {of}") as show:
        results = in_turns(bench.device, jobs, show, together=lambda key: key[0])
    made = []
    for (variant, _), result in results.items():
        record = bench.record("baseline", variant, result, started)
        made.append(replace(record, id=history.append(record)))
    return made


def _table(bench: Bench, rounds: int, found: dict[tuple[str, str], Baseline]) -> str:
    lines = [
        f"{bench.exported.manifest.model_id}: baseline {bench.session} of {rounds} rounds on "
        f"{bench.device.name}, {bench.options.threads} threads",
        f"{'file':<24}{'runtime':<13}{'median ms':>10}{'noise in turns':>16}{'between rounds':>16}",
    ]
    for (artifact, runtime), one in found.items():
        row = _as_dict(artifact, runtime, one)
        lines.append(
            f"{artifact:<24}{runtime:<13}{row['median_ms']:>10.3f}"
            f"{row['floor_in_turns_percent']:>15.1f}%{row['floor_between_rounds_percent']:>15.1f}%"
        )
    lines.append("noise: what equal files stay below with 99 % probability; bench gate allows it")
    return "\n".join(lines)


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
