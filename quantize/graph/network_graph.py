"""The float graph of a network, from which every file is made."""

from models.command_line.errors import RequestError
from models.network import Network
from quantize.graph.fold_constants import fold_constants
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.nonzero_roots import keep_roots_off_zero
from quantize.graph.normalize import normalized
from quantize.graph.whole_biases import make_biases_whole

REPAIRS = (fold_constants, make_biases_whole, keep_roots_off_zero)


def network_graph(network: Network) -> Graph:
    """Converted where that is due (the one slow step), its ends called as in the files.

    RequestError where two outputs are the same numbers, which the converter makes one of.
    """
    content = network.model.float_graph()
    is_written = network.model.function is None
    graph = repaired(normalized(content, network.size) if is_written else Graph(content))
    found, names = len(set(graph.outputs)), network.output_names
    if found != len(names):
        raise RequestError(
            f"the model has {len(names)} outputs ({', '.join(names)}), but only {found} of them "
            "are different numbers; expected each once: save it with each output once"
        )
    return graph.named("image", *names)


def repaired(graph: Graph) -> Graph:
    """``graph`` without what kernels compute wrongly or refuse; itself where there is nothing."""
    editor = GraphEditor(graph)
    changes = [repair(editor) for repair in REPAIRS]
    return editor.graph() if any(changes) else graph
