"""``VS=``: two networks of the registry costed, predicted and measured on one device."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.console.output import Output
from bench.cost import versus_table
from bench.cost.count_macs import layer_costs
from bench.cost.exported_networks import tflite
from bench.cost.layer_time import layer_times
from bench.cost.measure import Measured, measure, refuse_emulated
from bench.cost.roofline import PRECISIONS
from bench.cost.versus import NetworkFile, Side, Versus
from bench.devices.open_devices import one_named, open_devices
from bench.devices.settings import DeviceSettings
from bench.measurement.plan import PLANS
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.networks.registry import ARCHITECTURES
from models.source import resolve
from quantize.graph.graph import Graph

PLAN = "gate"  # files in short turns


def check(asked: Options, vs: str) -> DeviceSettings:
    """The device to compare on; RequestError where ``vs`` cannot be compared with ``asked``."""
    others = [arch for arch in ARCHITECTURES if arch != asked.arch]
    if asked.model is not None:
        raise RequestError(
            f"VS is {vs!r} and MODEL is {asked.model!r}; VS compares two networks of "
            f"ours: expected ARCH instead of MODEL: {make_line('summary', ARCH=asked.arch, VS=vs)}"
        )
    if vs not in others:
        same = ", which is ARCH itself" if vs == asked.arch else ""
        raise RequestError(f"VS is {vs!r}{same}; expected another one of: {' '.join(others)}")
    return one_named(asked.device)


def compare(asked: Options, vs: str, output: Output) -> None:
    """Say and give why the network of ``asked`` is slower or faster than ``vs`` on its device; all
    other options are the same for both. Their files are exported where they are not there.

    RequestError for a wrong request; DeviceError where the device, or a file there, fails.
    """
    settings = check(asked, vs)
    both = {asked.arch: asked, vs: replace(asked, arch=vs)}
    titles = [resolve(options).model_id for options in both.values()]  # refuses ahead of minutes
    with open_devices([settings]) as (device,):
        environment = device.environment()
        refuse_emulated(device.name, environment)
        paths = {file: path for arch, of in both.items() for file, path in _files(arch, of).items()}
        measured = measure(device, environment, paths, asked.threads, PLANS[PLAN])
    where = environment.board or environment.cpu_model
    output.say(
        f"{titles[0]} against {titles[1]} on {device.name} ({where}, {environment.cores} cores)",
        *versus_table.ceilings(measured.roofline),
    )
    found = [_versus(asked.arch, vs, precision, paths, measured) for precision in PRECISIONS]
    for versus in found:
        output.say("", *versus_table.text(versus))
    notes = [f"{file.title}: {why}" for file, why in measured.unprofiled.items()]
    warnings = [*measured.roofline.warnings, *measured.warnings]
    output.say("", *(f"note: {one}" for one in notes), *(f"warning {one}" for one in warnings))
    output.give(
        models=titles,
        roofline=versus_table.roofline_dict(measured.roofline),
        versus=[versus_table.as_dict(versus) for versus in found],
        notes=notes,
        warnings=warnings,
        caveats=warnings,  # their name in earlier output
    )


def _files(arch: str, options: Options) -> dict[NetworkFile, Path]:
    return {NetworkFile(arch, precision): tflite(options, precision) for precision in PRECISIONS}


def _versus(
    a: str,
    b: str,
    precision: str,
    paths: Mapping[NetworkFile, Path],
    measured: Measured[NetworkFile],
) -> Versus:
    of_both = (NetworkFile(a, precision), NetworkFile(b, precision))
    return Versus(precision, *(_side(file, paths[file], measured) for file in of_both))


def _side(file: NetworkFile, path: Path, measured: Measured[NetworkFile]) -> Side:
    # Counted in the very file that is measured: passes may have changed what it computes.
    costs, profile = layer_costs(Graph(path.read_bytes())), measured.profiles[file]
    layers = layer_times(costs, measured.roofline, file.precision, profile)
    return Side(file.network, layers, profile, measured.results[file])
