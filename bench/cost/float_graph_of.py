"""The float graph of a request, as an export would make its files from."""

from dataclasses import dataclass, replace

from models import chatter, progress
from models.options import Options
from models.source import resolve
from quantize.graph import Graph


@dataclass(frozen=True)
class FloatGraph:
    """``model_id`` as of an export with these weights; ``caveat``: what is to be said of them."""

    model_id: str
    graph: Graph
    caveat: str | None


def float_graph_of(options: Options, now: progress.Report) -> FloatGraph:
    """Load and convert what ``options`` name; imports TensorFlow.

    No WEIGHTS means random ones here: a network costs what it costs whatever its weights, and so
    ARCH alone is the paper's network. RequestError for what cannot be.
    """
    from models import float_graph

    caveat = None
    if options.model is None and options.weights is None:
        options = replace(options, weights="random")
        caveat = "random weights, in the paper's size; WEIGHTS=demo is the demo checkpoint's"
    source = resolve(options)
    with chatter.held_back():
        now("loading the network")
        network = source.load()
        now("converting to the float graph")
        size = network.size
        content = float_graph.convert(network.keras_model, size.height, size.width, size.channels)
    return FloatGraph(source.model_id, Graph(content).named("image", network.output_name), caveat)
