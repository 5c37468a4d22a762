"""The table of a roofline: the compute-bound and the memory-bound layers of a network."""

from collections.abc import Sequence

from bench.cost.layer_cost import LayerCost, short_name
from bench.cost.measure import measure_roofline, refuse_emulated
from bench.cost.roofline import BYTES_PER_VALUE, MEMORY, PRECISIONS, Roofline
from bench.devices.open_devices import one_named, open_devices
from bench.measurement.plan import PLANS
from models.command_line.columns import aligned
from models.command_line.options import Options

PLAN = "gate"  # files in short turns
HEADING = ("layer", "kind", *("MACs/byte", "bound", "ms") * len(PRECISIONS))


def roofline_of(asked: Options) -> Roofline:
    """That of the one device that DEVICE names; RequestError for several, an unknown or an emulated
    one, DeviceError where it cannot be had."""
    with open_devices([one_named(asked.device)]) as (device,):
        environment = device.environment()
        refuse_emulated(device.name, environment)
        return measure_roofline(device, environment, asked.threads, PLANS[PLAN])


def lines(costs: Sequence[LayerCost], roofline: Roofline) -> list[str]:
    """A line for each layer, and what all of them take at best."""
    rows = [HEADING, *(_layer(cost, roofline) for cost in costs), _total(costs, roofline)]
    above = "predicted at best: float32 in the first three columns of figures, int8 in the last"
    return [above, *aligned(rows, (2, 4, 5, 7)).splitlines()]


def _layer(cost: LayerCost, roofline: Roofline) -> tuple[str, ...]:
    cells = [cost.name, short_name(cost.kind)]
    for precision in PRECISIONS:
        found = roofline.predict(cost, precision)
        intensity = cost.macs / (cost.bytes_moved(BYTES_PER_VALUE[precision]) or 1)
        cells += [f"{intensity:.2f}", found.bound, f"{found.time_ns / 1e6:.3f}"]
    return tuple(cells)


def _total(costs: Sequence[LayerCost], roofline: Roofline) -> tuple[str, ...]:
    cells = ["total", f"{len(costs)} layers"]
    for precision in PRECISIONS:
        found = [roofline.predict(cost, precision) for cost in costs]
        whole_ns = sum(one.time_ns for one in found)
        waited_ns = sum(one.time_ns for one in found if one.bound == MEMORY)
        share = f"{waited_ns / whole_ns:.0%} {MEMORY}" if whole_ns else ""
        cells += ["", share, f"{whole_ns / 1e6:.3f}"]
    return tuple(cells)


def as_dicts(costs: Sequence[LayerCost], roofline: Roofline) -> list[dict]:
    """The same for a program: of each layer by precision its bound and predicted milliseconds."""
    return [
        {"name": cost.name, "output": cost.output}
        | {
            precision: {"bound": found.bound, "predicted_ms": found.time_ns / 1e6}
            for precision in PRECISIONS
            for found in (roofline.predict(cost, precision),)
        }
        for cost in costs
    ]
