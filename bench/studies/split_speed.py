"""Gain and cost of SPLIT: ``python -m bench.studies.split_speed`` prints a row for each number of
channel groups.

Peak of the activations, the arena that LiteRT lays them out in, the files' sizes, int8 beside the
float graph, and latency, in turns with the network as it is (SPLIT=1).
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cost.activation_memory import arena_bytes, peak_activation
from models.command_line import command, options, progress, starting
from models.command_line.advice import module_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from quantize.evaluate import latency
from quantize.graph.graph import Graph
from quantize.methods import search
from quantize.methods.inputs import EVALUATION_IMAGES, prepare
from quantize.passes import bottleneck_split

GROUPS = (1, 2, 3, 6)
ROUNDS = 40


@dataclass(frozen=True)
class Row:
    """One form of one file. ``latency_ratio``: in LiteRT with XNNPACK, SPLIT=1 of that scheme = 1.

    ``bound_by``: the layer that runs when most is alive. ``sqnr_db`` (None where there is no noise)
    and ``top1_agreement``, a share: int8 beside the float graph of the same network; None for float
    and for weights that learned nothing.
    """

    scheme: str
    groups: int
    peak_bytes: int
    arena_bytes: int
    file_bytes: int
    latency_ratio: float
    bound_by: str
    sqnr_db: float | None = None
    top1_agreement: float | None = None


def rows(asked: Options, rounds: int = ROUNDS) -> Iterator[Row]:
    """The rows of the network that ``asked`` names, float32 before int8."""
    if asked.split != 1:
        raise RequestError(f"SPLIT is {asked.split}; this table has 1, 2, 3 and 6: leave it out")
    with progress.step("split") as now, tempfile.TemporaryDirectory() as scratch:
        inputs = prepare(asked, Path(scratch), EVALUATION_IMAGES, now)
        split = {n: bottleneck_split.split(inputs.graph, n).graph for n in GROUPS}
        found = {}
        for number, graph in split.items():
            now(f"int8 in {number} channel groups")
            found[number] = search.search_for(replace(inputs, graph=graph), asked.threads, now)
        now("timing in turns")
        int8 = {number: result.int8_graph for number, result in found.items()}
        for scheme, graphs in (("float32", split), ("int8", int8)):
            took = latency.in_turns(graphs, asked.threads, rounds)
            for number, graph in graphs.items():
                row = _row(scheme, number, graph, took[number].median_s / took[1].median_s)
                if scheme == "int8" and inputs.learned:
                    step = found[number].chosen
                    row = replace(row, sqnr_db=step.sqnr_db, top1_agreement=step.top1_agreement)
                yield row


def _row(scheme: str, groups: int, graph: Graph, latency_ratio: float) -> Row:
    peak = peak_activation(graph)
    return Row(
        scheme=scheme,
        groups=groups,
        peak_bytes=peak.bytes,
        arena_bytes=arena_bytes(graph),
        file_bytes=len(graph.content),
        latency_ratio=latency_ratio,
        bound_by=f"{peak.kind} {peak.output.split(';')[0]}",
    )


def text(found: list[Row]) -> str:
    """The rows as a table a person reads; in brackets what is less than with SPLIT=1."""
    lines = [
        f"{'file':<8} {'SPLIT':>5} {'peak KiB':>14} {'arena KiB':>14} {'file KB':>8} "
        f"{'SQNR dB':>8} {'as float':>9} {'latency':>8}  peak at"
    ]
    whole = {row.scheme: row for row in found if row.groups == 1}
    for row in found:
        first = whole[row.scheme]
        peak, arena = (
            f"{now / 1024:,.0f} ({now / then - 1:+.0%})"
            for now, then in (
                (row.peak_bytes, first.peak_bytes),
                (row.arena_bytes, first.arena_bytes),
            )
        )
        agreement, sqnr = row.top1_agreement, row.sqnr_db
        lines.append(
            f"{row.scheme:<8} {row.groups:>5} {peak:>14} {arena:>14} "
            f"{row.file_bytes / 1000:>8,.0f} "
            f"{'n/a' if sqnr is None else format(sqnr, '.1f'):>8} "
            f"{'n/a' if agreement is None else format(agreement, '.1%'):>9} "
            f"{row.latency_ratio:>8.2f}  {row.bound_by}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Print the table; the exit code."""
    parser = options.parser(module_line("bench.studies.split_speed"), __doc__)
    return command.exit_code(lambda: command.print_rows(parser, argv, _measured), "interrupted")


def _measured(namespace) -> tuple[list[Row], str]:
    found = list(rows(options.from_namespace(namespace)))
    return found, text(found)


if __name__ == "__main__":
    sys.exit(starting.run(main))
