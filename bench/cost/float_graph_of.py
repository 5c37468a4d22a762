"""The float graph of a request, the one that an export makes its files from."""

from dataclasses import dataclass, replace

from models.command_line import progress, quiet_logs
from models.command_line.options import Options
from models.source import resolve
from quantize.graph.graph import Graph
from quantize.graph.network_graph import network_graph
from quantize.passes import bottleneck_split


@dataclass(frozen=True)
class FloatGraph:
    """``model_id`` as of an export with these weights; ``warning``: a note on them."""

    model_id: str
    graph: Graph
    warning: str | None


def with_weights(options: Options) -> tuple[Options, str | None]:
    """``options`` with random weights where none are named, and a note on that.

    Cost does not depend on the weights: without WEIGHTS, the paper's configuration is used.
    """
    if options.model is not None or options.weights is not None:
        return options, None
    warning = "random weights, in the paper's size; WEIGHTS=demo is the demo checkpoint's"
    return replace(options, weights="random"), warning


def float_graph_of(options: Options, now: progress.Report) -> FloatGraph:
    """Load and convert what ``options`` name, ``with_weights``; imports TensorFlow.

    RequestError for what cannot be.
    """
    options, warning = with_weights(options)
    source = resolve(options)
    with quiet_logs.held_back():
        now("loading the network")
        network = source.load()
        now("converting to the float graph")
        graph = network_graph(network)
    return FloatGraph(source.model_id, bottleneck_split.split(graph, options.split).graph, warning)
