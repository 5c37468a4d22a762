"""The rate of wrong verdicts of the gates: ``python -m bench.studies.gate_power``.

Latency: comparisons are drawn from the recorded rounds of baselines, in which every file took turns
with itself. A simulated baseline is some rounds on end, a simulated gate other rounds, so that what
changed on the machine between sessions is in it; within a round, turns are drawn with replacement.
A slowdown multiplies the samples of the new file. Accuracy: images are drawn of which so many are
lost and gained by int8. All of it goes through the functions that check real files.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from bench.gates import accuracy_gate
from bench.gates.accuracy_gate import Comparison
from bench.gates.baseline import Baseline
from bench.gates.gate_times import MORE_ROUNDS, compare
from bench.gates.latency_gate import is_slower, looks_slower
from bench.gates.limits import Limits, read_limits
from bench.gates.noise import change_between, change_in_turns, turn_medians
from bench.gates.paired import Paired
from bench.gates.verdict import FAILED, PASSED
from bench.history.history import DATABASE, History
from bench.measurement.result import Result, Turn
from bench.studies.claim import Claim
from models.command_line import command, starting
from models.command_line.advice import make_line, module_line
from models.command_line.errors import CheckFailed, RequestError
from models.command_line.options import OneLineParser, Options

BASELINE_ROUNDS = 7
# Shares of images that int8 loses and gains; the drop is the difference.
DROPS = ((0.011, 0.001), (0.015, 0.005), (0.02, 0.01))
MAX_FALSE_ALARMS = 0.01
MIN_CAUGHT = 0.95
Pair = tuple[Result, Result]


def fails(
    rounds: Sequence[Pair], slowdown: float, limits: Limits, random: np.random.Generator
) -> bool:
    """True where the gate fails a file that takes ``slowdown`` times as long as its baseline."""
    first = int(random.integers(len(rounds)))
    # Rounds on end, going on at the beginning after the last.
    order = [rounds[(first + n) % len(rounds)] for n in range(len(rounds))]
    stored = [_drawn(pair, random) for pair in order[:BASELINE_ROUNDS]]
    baseline = Baseline(
        None,
        tuple(median(old.samples_ns) for old, _ in stored),
        tuple(change_in_turns(new, old) for old, new in stored),
    )
    others = order[BASELINE_ROUNDS:]
    chosen = random.choice(len(others), 1 + MORE_ROUNDS, replace=False)
    now = []
    for n in chosen:
        old, new = _drawn(others[n], random)
        slower = replace(new, samples_ns=tuple(ns * slowdown for ns in new.samples_ns))
        reference = old if limits.latency_reference == "file" else None
        now.append(compare(slower, baseline, reference))
    if not looks_slower(now[0], limits):
        return False
    whole = replace(now[0], changes=tuple(change for one in now for change in one.changes))
    return is_slower(whole, limits)


def _drawn(pair: Pair, random: np.random.Generator) -> Pair:
    """Both halves of a round, of the same turns drawn with replacement."""
    medians = [turn_medians(result) for result in pair]
    both = min(map(len, medians))
    turns = random.integers(both, size=both)
    return tuple(
        Result(
            result.runtime,
            samples_ns=tuple(of_turns[turn] for turn in turns),
            turns=tuple(Turn(0.0, 1) for _ in turns),
        )
        for result, of_turns in zip(pair, medians, strict=True)
    )


def latency_claims(
    files: Sequence[Sequence[Pair]], limits: Limits, comparisons: int, seed: int
) -> list[Claim]:
    """``files``: the recorded rounds of each; at least three more than a baseline has.

    Only what compares files in turns is claimed to hold on any machine.
    """
    claims = []
    for reference in ("file", "times"):
        asked = replace(limits, latency_reference=reference)
        claimed = reference == "file"
        for slowdown, wanted in ((1.0, MAX_FALSE_ALARMS), (1.1, MIN_CAUGHT)):
            random = np.random.default_rng(seed)
            failed = sum(
                fails(files[n % len(files)], slowdown, asked, random) for n in range(comparisons)
            )
            what = "equal files fail" if slowdown == 1 else "files 10 % slower fail"
            name = f'latency, reference = "{reference}": {what}'
            wanted = wanted if claimed else None
            claims.append(Claim(name, failed, comparisons, wanted, slowdown > 1))
    return claims


def accuracy_claims(limits: Limits, comparisons: int, seed: int, images: int = 10_000):
    """A true drop of one point against the limit; and of none, for false alarms.

    What is not passed makes the command fail. How often that is FAILED and not "inconclusive", and
    how often no drop passes, depends on how far the limit is away: that is shown, not claimed.
    """
    random = np.random.default_rng(seed)
    claims = []
    for lost, gained in (*DROPS, (0.005, 0.005)):
        drop = 100 * (lost - gained)
        verdicts = [_verdict(limits, images, lost, gained, random) for _ in range(comparisons)]
        failed, passed = verdicts.count(FAILED), verdicts.count(PASSED)
        about = f"accuracy, {drop:.1f} points at {100 * (lost + gained):.1f}% flips of {images:,}"
        if drop:
            claims.append(Claim(f"{about}: is not passed", comparisons - passed, comparisons, 0.95))
            claims.append(Claim(f"{about}: FAILED", failed, comparisons, None))
        else:
            claims.append(Claim(f"{about}: FAILED", failed, comparisons, 0.01, at_least=False))
            claims.append(Claim(f"{about}: passed", passed, comparisons, None))
    return claims


def _verdict(limits: Limits, images: int, lost: float, gained: float, random) -> str:
    counts = random.multinomial(images, (lost, gained, 1 - lost - gained))
    found = Paired(images, int(counts[0]), int(counts[1]), int(counts[2]))
    (row,) = accuracy_gate.check([Comparison("int8", "", found, 0.0, 0.0)], limits)
    return row.outcome


def recorded(path: Path) -> dict[str, list[Pair]]:
    """The rounds of every baseline in the history, oldest first, by model, file and device."""
    pairs: dict[tuple, list[Result]] = {}
    for record in reversed(list(History(path).each(kind="baseline"))):
        if record.result.samples_ns and not record.result.error:
            name = f"{record.model_id} {record.artifact} {record.result.runtime} {record.device}"
            pairs.setdefault((name, record.session), []).append(record.result)
    found: dict[str, list[Pair]] = {}
    for (name, _), both in pairs.items():
        if len(both) == 2:
            found.setdefault(name, []).append((both[0], both[1]))
    enough = BASELINE_ROUNDS + MORE_ROUNDS + 1
    found = {name: rounds for name, rounds in found.items() if len(rounds) >= enough}
    if not found:
        raise RequestError(
            f"{path} has no file with {enough} rounds of a baseline; "
            f"run {make_line('baseline', Options(), runs=20)} first"
        )
    return found


def _noise(name: str, rounds: Sequence[Pair]) -> str:
    in_turns = [change_in_turns(new, old) for old, new in rounds]
    medians = [median(old.samples_ns) for old, _ in rounds]
    between = [change_between(old, medians) for old, _ in rounds]
    return f"{name:<70}{len(rounds):>7}{np.std(in_turns):>10.1%}{np.std(between):>16.1%}"


def run(argv: Sequence[str]) -> None:
    """Print what was found; CheckFailed where a claim does not hold."""
    parser = OneLineParser(prog=module_line("bench.studies.gate_power"), description=__doc__)
    parser.add_argument("--history", type=Path, default=DATABASE)
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    limits, files = read_limits(), recorded(asked.history)
    if limits.max_slowdown_percent is None or limits.max_drop_points is None:
        raise RequestError("gate.toml has no max_slowdown_percent or no max_drop_points")
    print(f"{'recorded noise, standard deviation':<70}{'rounds':>7}{'in turns':>10}"
          f"{'between rounds':>16}")  # fmt: skip
    print(*(_noise(name, rounds) for name, rounds in files.items()), "", sep="\n")
    claims = latency_claims(list(files.values()), limits, asked.comparisons, asked.seed)
    claims += accuracy_claims(limits, asked.comparisons, asked.seed)
    print(*claims, sep="\n")
    wrong = [claim.name for claim in claims if not claim.holds]
    if wrong:
        raise CheckFailed("does not hold: " + "; ".join(wrong))


if __name__ == "__main__":
    sys.exit(starting.run(lambda argv: command.exit_code(lambda: run(argv), "interrupted")))
