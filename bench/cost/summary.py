"""``bench summary``: the cost of each layer of a network, and of the network as a whole."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from bench.console.output import Output
from bench.cost import layer_table, picture, roofline_table, versus_command, versus_table
from bench.cost.float_graph_of import float_graph_of, with_weights
from bench.cost.layer_cost import FLOAT32_BYTES, INT8_BYTES, LayerCost
from bench.cost.network_cost import NetworkCost, network_cost
from bench.cost.separable import SeparablePair
from bench.devices.settings import HOST
from models.command_line import options, writable
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.command_line.progress import step
from models.command_line.storable import encoded
from models.source import resolve

RESULTS = Path("results")
WEIGHTS_HELP = (
    "cost does not depend on the weights: without WEIGHTS, the paper's configuration is used; "
    "else demo, imagenet or a Keras weights file, in the size that it has"
)
DEVICE_HELP = (
    "one device to mark each layer as compute- or memory-bound on, by what it computes and moves "
    "in a second; not measured where it is left out, but for VS"
)
VS_HELP = (
    "another ARCH: why is ARCH slower or faster than it on DEVICE, kind by kind of layer, "
    "predicted and measured; files that are not exported yet are"
)


def add_arguments(parser: ArgumentParser) -> None:
    """The options of every target; those of a model are what counts here."""
    help_of = {**options.HELP, "weights": WEIGHTS_HELP, "device": DEVICE_HELP}
    options.add_table(parser, Options, help_of)
    parser.set_defaults(device=None)
    parser.add_argument("--vs", metavar="VS", help=VS_HELP)
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def run(namespace: Namespace, typed: str) -> None:
    """Print what was asked for; RequestError for what cannot be loaded, compared or written,
    DeviceError for a device that fails."""
    output, on_device = Output(namespace.json), namespace.device is not None
    if not on_device:
        namespace.device = HOST
    asked = options.from_namespace(namespace)
    if namespace.vs is not None:
        versus_command.compare(with_weights(asked)[0], namespace.vs, output)
    else:
        summarize(asked, on_device, output)
    output.end()


def summarize(asked: Options, on_device: bool, output: Output) -> None:
    """Say and give what each layer costs, and draw it; with ``on_device`` also what bounds it."""
    resolve(with_weights(asked)[0])  # a wrong request leaves no folder
    _check_writable()
    # Ahead of TensorFlow, whose threads and memory would be in the way.
    roofline = roofline_table.roofline_of(asked) if on_device else None
    with step("summary") as now:
        found = float_graph_of(asked, now)
        now("counting")
        cost = network_cost(found.graph)
    drawn = draw(found.model_id, cost)
    warning = f"; {found.warning}" if found.warning else ""
    output.say(f"{found.model_id}: bars of each layer in {drawn}{warning}", "")
    output.say(*layer_table.lines(cost))
    output.give(model_id=found.model_id, caveat=found.warning, picture=str(drawn), **as_dict(cost))
    if roofline:
        output.say(
            "", *versus_table.ceilings(roofline), *roofline_table.lines(cost.layers, roofline)
        )
        output.say(*(f"warning {one}" for one in roofline.warnings))
        output.give(
            roofline=versus_table.roofline_dict(roofline),
            bounds=roofline_table.as_dicts(cost.layers, roofline),
        )


def _check_writable() -> None:
    """RequestError, ahead of the work, where its picture cannot be kept."""
    fault = writable.fault_of_made_folder(RESULTS)
    if fault:
        raise _not_written(fault)


def _not_written(fault: object) -> RequestError:
    return RequestError(
        f"the picture cannot be written to {RESULTS} ({fault}); make it a folder that can be "
        "written to"
    )


def draw(model_id: str, cost: NetworkCost) -> Path:
    """The path of the picture, written whole or not at all; RequestError where it cannot be."""
    target = RESULTS / f"{model_id}-summary.svg"
    total = cost.total
    title = (
        f"{model_id}: {layer_table.millions(total.macs)} million MACs, "
        f"{total.parameters:,} parameters"
    )
    try:
        RESULTS.mkdir(exist_ok=True)
        writable.write(target, encoded(picture.svg(title, cost.layers)))
    except OSError as error:
        raise _not_written(error) from error
    return target


def as_dict(cost: NetworkCost) -> dict:
    """The figures as a program reads them; bytes are those of float32 unless they say int8."""
    total = cost.total
    return {
        "counting_rule": layer_table.RULE,
        "unknown_operators": cost.unknown_operators,
        "parameters": total.parameters,
        "macs": total.macs,
        "bytes_read": total.values_read * FLOAT32_BYTES,
        "bytes_written": total.values_written * FLOAT32_BYTES,
        "by_kind": {
            kind: {
                **asdict(of_kind),
                "share_of_macs": cost.share_of_macs(kind),
                "share_of_parameters": cost.share_of_parameters(kind),
            }
            for kind, of_kind in cost.by_kind.items()
        },
        "peak_activation": asdict(cost.peak),
        "int8_peak_activation_bytes": cost.int8_peak_bytes,
        "standard_convolutions": {
            "macs": cost.standard_macs,
            "parameters": cost.standard_parameters,
            "pairs": [_pair(pair) for pair in cost.pairs],
        },
        "layers": [_layer(layer) for layer in cost.layers],
    }


def _layer(layer: LayerCost) -> dict:
    return {
        **asdict(layer),
        "bytes_read": layer.bytes_read(FLOAT32_BYTES),
        "bytes_written": layer.bytes_written(FLOAT32_BYTES),
        "int8_bytes_read": layer.bytes_read(INT8_BYTES),
        "int8_bytes_written": layer.bytes_written(INT8_BYTES),
        "intensity": layer.intensity,
        "int8_intensity": layer.int8_intensity,
    }


def _pair(pair: SeparablePair) -> dict:
    return {
        "depthwise": pair.depthwise.name,
        "pointwise": pair.pointwise.name,
        "channels_in": pair.channels_in,
        "channels_out": pair.channels_out,
        "kernel": pair.kernel,
        "macs": pair.macs,
        "standard_macs": pair.standard_macs,
        "ratio": pair.ratio,
        "rule": pair.rule,
    }
