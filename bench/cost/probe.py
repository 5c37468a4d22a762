"""Probes of what a device computes and moves in a second: chains of one operator, timed there.

The 1x1 convolutions have 28 x 28 x 128 and the depthwise ones 14 x 14 x 512, as MobileNets have:
maps and weights stay in a cache, so that arithmetic is what they wait for. The ADDs have some 5 MB
of maps, as the first layers.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cost.probe_graph import Chain, graph
from bench.cost.roofline import BYTES_PER_VALUE, FLOAT32, INT8, PRECISIONS, Ceiling, Roofline
from bench.measurement.environment import Environment
from bench.measurement.find_warnings import find_warnings
from bench.measurement.latency import latency
from bench.measurement.plan import Plan
from bench.measurement.result import Result, RunFailed
from bench.measurement.warning import MeasurementWarning
from models.command_line.scratch import scratch_folder

MAPS_OF_AN_ADD = 3  # two read, one written


@dataclass(frozen=True)
class Probe:
    """One chain in one precision."""

    chain: Chain
    precision: str

    @property
    def title(self) -> str:
        return f"probe {self.chain.operator} {self.precision}"


CONVOLUTION = Chain("CONV_2D", side=28, channels=128, length=8)
DEPTHWISE = Chain("DEPTHWISE_CONV_2D", side=14, channels=512, length=16)
ADDS = {
    FLOAT32: Chain("ADD", side=112, channels=32, length=8),
    INT8: Chain("ADD", side=112, channels=128, length=8),
}  # of as many bytes
PROBES = tuple(
    Probe(chain, precision)
    for precision in PRECISIONS
    for chain in (CONVOLUTION, DEPTHWISE, ADDS[precision])
)


@contextmanager
def written() -> Iterator[dict[Probe, Path]]:
    """The .tflite file of each probe, until the block ends."""
    with scratch_folder() as folder:
        paths = {probe: folder / f"{n}.tflite" for n, probe in enumerate(PROBES)}
        for probe, path in paths.items():
            path.write_bytes(graph(probe.chain, probe.precision).content)
        yield paths


def roofline(
    device: str,
    threads: int,
    results: Mapping[Probe, Result],
    environment: Environment,
    plan: Plan,
) -> Roofline:
    """The ceilings that timed probes reached; RunFailed where one did not run.

    By the tenth percentile of their times, since a ceiling is what a device can do: what others
    take from it is no property of it.
    """
    for probe, result in results.items():
        if result.error:
            raise RunFailed(f"{probe.title} on {device}: {result.error}")
    seconds = {probe: latency(r.samples_ns, r.turns).p10_ns / 1e9 for probe, r in results.items()}
    return Roofline(
        device,
        threads,
        _added_values_per_s(FLOAT32, seconds) * BYTES_PER_VALUE[FLOAT32],
        {precision: _ceiling(precision, seconds) for precision in PRECISIONS},
        summed_up({p.title: find_warnings(r, environment, plan) for p, r in results.items()}),
    )


def summed_up(found: Mapping[str, Iterable[MeasurementWarning]]) -> tuple[str, ...]:
    """One line for each kind of warning: the first with its file, and how many others have it."""
    by_kind: dict[str, list[str]] = {}
    for title, of_title in found.items():
        for warning in of_title:
            by_kind.setdefault(warning.kind, []).append(f"{title}: {warning}")
    return tuple(
        f"{kind}: {lines[0]}" + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")
        for kind, lines in by_kind.items()
    )


def _ceiling(precision: str, seconds: Mapping[Probe, float]) -> Ceiling:
    convolution, depthwise = Probe(CONVOLUTION, precision), Probe(DEPTHWISE, precision)
    return Ceiling(
        convolution.chain.macs / seconds[convolution],
        depthwise.chain.macs / seconds[depthwise],
        _added_values_per_s(precision, seconds),
    )


def _added_values_per_s(precision: str, seconds: Mapping[Probe, float]) -> float:
    probe = Probe(ADDS[precision], precision)
    return probe.chain.length * MAPS_OF_AN_ADD * probe.chain.values / seconds[probe]
