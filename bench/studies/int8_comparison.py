"""Our int8 of one network beside that of other tools: ``python -m bench.studies.int8_comparison``.

TensorFlow's converter, litert-quantizer with its own calibration, ONNX Runtime's static
quantization, and NNCF with its accurate bias correction, in OpenVINO and in ONNX Runtime: by the
ranges that it takes by default, by min-max ranges, and with weights of half the range as well (in
OpenVINO the sums of products overflow on x86 CPUs without VNNI; ONNX Runtime computes right here,
but where it refuses the file so: that is marked *).
All calibrate on the same images. Of the images to evaluate on, every second one is for our export
to choose its methods by (256 at most), and the others, which no tool has seen, judge: SQNR of the
outputs with a 95 % interval by a bootstrap over images, and agreement with the float network with
Wilson's. Latency: one thread, in turns with float32 in the same runtime, which is 1. A row comes as
soon as it is known, and at the end there is a Markdown table.

NNCF and OpenVINO are installed into an environment of their own (--environments); where they cannot
be, their row says so. The images of CALIB alone, labelled or not, will do: no figure needs labels.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measurement.latency import Interval
from bench.studies.claim import wilson
from bench.studies.int8_material import Material
from bench.studies.int8_tools import TOOLS, Tool
from bench.studies.measured_int8 import Int8
from bench.studies.nncf_process import ROUNDS
from bench.studies.sum_ratio import SumRatio
from models.command_line import command, options, progress, quiet_logs, starting, unforeseen
from models.command_line.advice import module_line
from models.command_line.columns import Columns
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.command_line.progress import Report
from models.command_line.scratch import scratch_folder
from models.networks.output_tensor import VALUES
from quantize.evaluate.output_comparison import Outputs
from quantize.evaluate.outputs import outputs
from quantize.methods.inputs import EVALUATION_IMAGES, prepare

ENVIRONMENTS = Path(".cache/int8-comparison")
HEADING = ("network", "int8 by", "runs in", "SQNR dB", "95 %", "agreement", "95 %", "s", "latency")
WIDTHS = (30, 25, 13, 7, 14, 9, 16, 6, 7)


@dataclass(frozen=True)
class Row:
    """One tool's int8 in one runtime. ``sqnr``: None where nothing differs from float.
    ``agreement``: a share in [0, 1]; None for outputs that are no classes. ``latency_ratio``:
    float32 in that runtime = 1. ``failure``: why there is no more than that; else ""."""

    network: str
    by: str
    runtime: str = ""
    sqnr: SumRatio | None = None
    agreement: float | None = None
    agreement_interval: Interval | None = None
    seconds: float = 0.0
    latency_ratio: float = 0.0
    failure: str = ""


def rows(
    asked: Options,
    environments: Path = ENVIRONMENTS,
    tools: Mapping[str, Tool] = TOOLS,
    rounds: int = ROUNDS,
) -> Iterator[Row]:
    """The rows of each tool; of one that fails, a row that says so. RequestError for a network
    that learned nothing, and for too few images."""
    with progress.step("int8 by") as now, scratch_folder() as scratch:
        material = _material(asked, scratch, environments, rounds, now)
        inputs, judging = material.inputs, material.judging
        kind, name = inputs.network.output_kind, inputs.model_id
        wanted = Outputs.of(outputs(inputs.graph, judging, asked.threads), kind)
        for by, tool in tools.items():
            now(by)
            try:
                with quiet_logs.held_back():
                    forms = list(tool(material))
            except Exception as error:  # tools raise what they like
                yield Row(name, by, failure=unforeseen.in_one_line(error))
                continue
            for form in forms:
                yield _row(name, by, form, wanted, kind)


def _material(
    asked: Options, scratch: Path, environments: Path, rounds: int, now: Report
) -> Material:
    inputs = prepare(asked, scratch, 2 * EVALUATION_IMAGES, now)
    if not inputs.learned:
        raise RequestError(
            "random weights have no outputs to keep; give the weights of a trained network as "
            "WEIGHTS or MODEL"
        )
    choosing, judging = inputs.evaluation[::2], inputs.evaluation[1::2]
    if not len(judging):
        raise RequestError(
            f"there are {len(inputs.evaluation)} images to evaluate on; expected at least 2: some "
            "to choose methods by, and others to judge"
        )
    every = -(-len(choosing) // EVALUATION_IMAGES)
    return Material(
        asked=asked,
        inputs=inputs,
        choosing=choosing[::every],
        judging=judging,
        scratch=scratch,
        environments=environments,
        report=now,
        rounds=rounds,
    )


def _row(network: str, by: str, form: Int8, wanted: Outputs, kind: str) -> Row:
    found = Outputs.of(form.outputs, kind)
    noise = ((found.values - wanted.values) ** 2).sum(axis=1)
    agreeing = int((found.predictions == wanted.predictions).sum())
    images, are_classes = len(noise), kind != VALUES
    return Row(
        network=network,
        by=by,
        runtime=form.runtime,
        sqnr=SumRatio.of((wanted.values**2).sum(axis=1), noise) if noise.any() else None,
        agreement=agreeing / images if are_classes else None,
        agreement_interval=wilson(agreeing, images) if are_classes else None,
        seconds=form.seconds,
        latency_ratio=form.latency_ratio,
    )


def cells(row: Row) -> list[str]:
    """The row as text, in the order of HEADING; of one that failed the last cell says why."""
    if row.failure:
        return [row.network, row.by, row.failure]
    sqnr, agreement = ["exact", ""], ["n/a", ""]
    if row.sqnr is not None:
        sqnr = [f"{row.sqnr.db:.1f}", f"{row.sqnr.low_db:.1f} to {row.sqnr.high_db:.1f}"]
    if row.agreement is not None:
        low, high = row.agreement_interval.low, row.agreement_interval.high
        agreement = [f"{row.agreement:.1%}", f"{low:.1%} to {high:.1%}"]
    figures = f"{row.seconds:.0f}", f"{row.latency_ratio:.2f}"
    return [row.network, row.by, row.runtime, *sqnr, *agreement, *figures]


def markdown(found: Sequence[Row]) -> str:
    """The rows as a table for a page; the intervals are in brackets beside their figures."""
    heading = ["network", "int8 by", "runs in", "SQNR, dB", "agreement", "s", "latency"]
    lines = [heading, ["---"] * 3 + ["--:"] * 4]
    for row in found:
        if row.failure:
            lines.append([row.network, row.by, row.failure.replace("|", "/"), *[""] * 4])
            continue
        *names, sqnr, between, agreement, shares, seconds, ratio = cells(row)
        both = [f"{a} ({b})" if b else a for a, b in ((sqnr, between), (agreement, shares))]
        lines.append([*names, *both, seconds, ratio])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(argv: Sequence[str]) -> int:
    """Print a line for each tool and runtime, then the Markdown table; the exit code."""
    parser = options.parser(module_line("bench.studies.int8_comparison"), __doc__)
    parser.add_argument(
        "--environments", type=Path, default=ENVIRONMENTS,
        help=f"folder of the Python environments that tools get (default: {ENVIRONMENTS})",
    )  # fmt: skip
    return command.exit_code(lambda: _print(parser.parse_args(argv)), "interrupted")


def _print(namespace: argparse.Namespace) -> None:
    asked = options.from_namespace(namespace)
    columns = Columns(WIDTHS, frozenset(range(3, 9)))
    print(columns.line(HEADING), flush=True)
    found = []
    for row in rows(asked, namespace.environments):
        with progress.aside():
            print(columns.line(cells(row)), flush=True)
        found.append(row)
    print("", markdown(found), sep="\n")


if __name__ == "__main__":
    sys.exit(starting.run(main))
