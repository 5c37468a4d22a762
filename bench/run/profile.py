"""The time of each operator (PROFILE=1), and the operators that were not delegated.

The times are the runtime's own, of inferences with its profiler on: ONNX Runtime's profile, and for
LiteRT the events of XNNPACK's own operators. LiteRT's come in whole microseconds, rounded down, and
leave out what happens between operators: their sum is 0.88 to 0.95 of the same inferences timed as
a whole without the profiler, taken in turns (MobileNets at 224, 4 to 14 ms; x86). ONNX Runtime's
sum has also what looking at the clock costs, which counts where operators take microseconds.
Shares are what to read; for latency there is the row without a profile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.console.output import Output
from bench.engine.session import DeviceRun, on_each
from bench.engine.variant import Variant
from bench.history.history import History
from bench.measurement.record import Record
from bench.measurement.result import OpTime, Result
from models.command_line.columns import aligned
from models.command_line.progress import step

HOTTEST = 10
NAME_WIDTH = 40


@dataclass(frozen=True)
class Hot:
    """An operator by its rank among those of a profile, 1 the most expensive; ``share`` of the
    time of all, in [0, 1]."""

    rank: int
    op: OpTime
    share: float


def hottest(profile: Sequence[OpTime], n: int = HOTTEST) -> tuple[Hot, ...]:
    """The ``n`` most expensive operators, the most expensive first; all where there are fewer."""
    ranked = sorted(profile, key=lambda op: -op.mean_ns)[:n]
    return tuple(Hot(rank, op, _share([op], profile)) for rank, op in enumerate(ranked, 1))


def not_delegated(profile: Sequence[OpTime]) -> dict[str, float]:
    """Share of the time, in [0, 1], of each kind of operator that ran outside the delegate, the
    largest first. Empty where the runtime has no delegate."""
    outside: dict[str, list[OpTime]] = {}
    for op in profile:
        if op.delegated is False:
            outside.setdefault(op.kind, []).append(op)
    shares = {kind: _share(found, profile) for kind, found in outside.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def layers(path: Path) -> dict[str, str]:
    """The names that KEEP_FLOAT and the sensitivity command have for the layers of a .tflite file,
    by output tensor; nothing for other files, whose operators keep the names they have there."""
    from quantize.graph.graph import Graph
    from quantize.graph.layer_names import layer_names

    if path.suffix != ".tflite":
        return {}
    return {output: name for name, output in layer_names(Graph(path.read_bytes())).items()}


def text(title: str, profile: Sequence[OpTime], known: Mapping[str, str], n: int = HOTTEST) -> str:
    """The ``n`` most expensive operators as lines of text, and what was not delegated.

    ``known`` are the ``layers`` of the file, ``title`` says which file and runtime it was.
    """
    total_ns = sum(op.mean_ns for op in profile)
    found = hottest(profile, n)
    rows = [("", "operator", "kind", "mean ms", "share", "delegated")]
    for hot in found:
        name, mean_ms = shown(hot.op.name, known), f"{hot.op.mean_ns / 1e6:.3f}"
        delegated = {True: "yes", False: "no", None: "n/a"}[hot.op.delegated]
        rows.append((str(hot.rank), name, hot.op.kind, mean_ms, f"{hot.share:.1%}", delegated))
    lines = [
        f"{title}: {len(found)} most expensive of {len(profile)} operators, "
        f"{total_ns / 1e6:.3f} ms in all",
        aligned(rows, (0, 3, 4)),
    ]
    if any(op.delegated is not None for op in profile):
        outside = (f"{kind} {share:.1%}" for kind, share in not_delegated(profile).items())
        lines.append(f"not delegated: {', '.join(outside) or 'nothing'}")
    return "\n".join(lines)


def as_dict(profile: Sequence[OpTime], known: Mapping[str, str]) -> dict:
    """The whole profile as a program reads it: operators in execution order with their rank,
    times in milliseconds, shares in [0, 1]; "layer" is null where an operator is none."""
    rank_of = {id(hot.op): hot.rank for hot in hottest(profile, len(profile))}
    operators = [
        {
            "name": op.name,
            "layer": known.get(op.name),
            "kind": op.kind,
            "mean_ms": op.mean_ns / 1e6,
            "share": _share([op], profile),
            "rank": rank_of[id(op)],
            "delegated": op.delegated,
        }
        for op in profile
    ]
    return {"operators": operators, "not_delegated": not_delegated(profile)}


def shown(name: str, known: Mapping[str, str]) -> str:
    """The layer called so where there is one; else the first of the names that the converter fused
    into one, without the model's own, and its end where it is still long."""
    if name in known:
        return known[name]
    first = name.split(";")[0]
    short = first.partition("/")[2] or first
    return short if len(short) <= NAME_WIDTH else "..." + short[3 - NAME_WIDTH :]


def _share(part: Sequence[OpTime], profile: Sequence[OpTime]) -> float:
    total_ns = sum(op.mean_ns for op in profile)
    return sum(op.mean_ns for op in part) / total_ns if total_ns else 0.0


def profiled(
    runs: Sequence[DeviceRun],
    history: History,
    output: Output,
    rows: Mapping[str, Sequence[Record]],
) -> dict[str, list[Record]]:
    """The rows of each device by its name, with the time of each operator; a runtime without a
    profiler is named."""
    of = {
        (run.device.name, variant): row
        for run in runs
        for variant, row in zip(run.variants, rows[run.device.name], strict=True)
    }
    given = []
    with on_each(runs, lambda run: _profiles(run, rows[run.device.name])) as found:
        for run, (variant, result) in found:
            name = run.device.name
            row = of[name, variant]
            history.add_profile(row.id, result.profile)
            of[name, variant] = replace(row, result=replace(row.result, profile=result.profile))
            title = variant.title if len(runs) == 1 else f"{variant.title} on {name}"
            given.append(_print(run, title, variant, row, result, output))
    output.give(profile=given)
    return {
        run.device.name: [of[run.device.name, variant] for variant in run.variants] for run in runs
    }


def _profiles(run: DeviceRun, rows: Sequence[Record]) -> Iterator[tuple[Variant, Result]]:
    for variant, row in zip(run.variants, rows, strict=True):
        if row.result.error:
            continue
        with step(f"{run.device.name}: {variant.title}: operators"):
            found = run.result_of(run.profile_job(variant))
        yield variant, found


def _print(
    run: DeviceRun, title: str, variant: Variant, row: Record, result: Result, output: Output
) -> dict:
    if result.error:
        output.say("", f"{title}: {result.error}")
        return {"row": row.id, "error": str(result.error)}
    known = layers(run.session.exported.path(variant.artifact))
    output.say("", text(title, result.profile, known))
    return {"row": row.id, **as_dict(result.profile, known)}
