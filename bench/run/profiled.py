"""What each operator of each row takes, on every device at the same time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bench.console.output import Output
from bench.engine.session import Bench, on_each
from bench.engine.variant import Variant
from bench.history.history import History
from bench.measurement.record import Record
from bench.measurement.result import Result
from bench.run import profile
from models.command_line.progress import step


def profiled(
    benches: Sequence[Bench],
    history: History,
    output: Output,
    rows: Mapping[str, Sequence[Record]],
) -> dict[str, list[Record]]:
    """The rows of each device by its name, with what each operator takes; a runtime that cannot
    tell says so."""
    of = {
        (bench.device.name, variant): row
        for bench in benches
        for variant, row in zip(bench.variants, rows[bench.device.name], strict=True)
    }
    given = []
    with on_each(benches, lambda bench: _results(bench, rows[bench.device.name])) as found:
        for bench, (variant, result) in found:
            name = bench.device.name
            row = of[name, variant]
            history.add_profile(row.id, result.profile)
            of[name, variant] = replace(row, result=replace(row.result, profile=result.profile))
            title = variant.title if len(benches) == 1 else f"{variant.title} on {name}"
            given.append(_said(bench, title, variant, row, result, output))
    output.give(profile=given)
    return {
        bench.device.name: [of[bench.device.name, variant] for variant in bench.variants]
        for bench in benches
    }


def _results(bench: Bench, rows: Sequence[Record]) -> Iterator[tuple[Variant, Result]]:
    for variant, row in zip(bench.variants, rows, strict=True):
        if row.result.error:
            continue
        with step(f"{bench.device.name}: {variant.title}: operators"):
            found = bench.run(bench.profile_job(variant))
        yield variant, found


def _said(
    bench: Bench, title: str, variant: Variant, row: Record, result: Result, output: Output
) -> dict:
    if result.error:
        output.say("", f"{title}: {result.error}")
        return {"row": row.id, "error": str(result.error)}
    known = profile.layers(bench.exported.path(variant.artifact))
    output.say("", profile.text(title, result.profile, known))
    return {"row": row.id, **profile.as_dict(result.profile, known)}
