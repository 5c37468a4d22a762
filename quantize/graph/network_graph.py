"""The float graph of a network, from which every file is made."""

from models.network import Network
from quantize.graph.fold_constants import folded
from quantize.graph.graph import Graph
from quantize.graph.nonzero_roots import keep_roots_off_zero
from quantize.graph.normalize import normalized


def network_graph(network: Network) -> Graph:
    """Converted where that is due (the one slow step), its ends called as in the files."""
    content = network.model.float_graph()
    if network.model.function is None:
        graph = normalized(content, network.size)
    else:
        graph = folded(Graph(content))
    return keep_roots_off_zero(graph).named("image", *network.output_names)
