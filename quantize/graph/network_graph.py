"""The float graph of a network, from which every file is made."""

from models.network import Network
from quantize.graph.graph import Graph
from quantize.graph.normalize import normalized


def network_graph(network: Network) -> Graph:
    """Converted where that is due (the one slow step), its ends called as in the files."""
    content = network.model.float_graph()
    graph = normalized(content, network.size) if network.model.function is None else Graph(content)
    return graph.named("image", *network.output_names)
