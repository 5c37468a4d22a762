"""Errors of TensorFlow's converter, thousands of lines long, as one line."""

import contextlib
import re
from collections.abc import Iterator

from models.command_line.errors import RequestError
from models.keras_files.stored_model import RAISED_IN_A_LAYER, brief

OPERATION = re.compile(r"'?tf\.(\w+)'? op is neither a custom op nor a flex op")
LISTED = re.compile(r"(?:TF Select ops|Custom ops|Flex ops): ([\w, ]+)")
FAILED = re.compile(r"failed to legalize operation '(?:tf|tfl)\.(\w+)'")
SHOWN = 4


@contextlib.contextmanager
def as_one_line(graph=None) -> Iterator[None]:
    """RequestError in place of whatever the converter, or the tracing before it, raises.

    ``graph``: the GraphDef that is converted, to find the layers of the operations that it names.
    """
    try:
        yield
    except RequestError:
        raise
    except Exception as error:  # the converter lets anything through
        raise RequestError(_sentence(str(error), graph)) from error


def _sentence(text: str, graph) -> str:
    found = [*OPERATION.findall(text), *FAILED.findall(text)]
    for listed in LISTED.findall(text):
        found += [name.strip() for name in listed.split(",")]
    operations = sorted(set(filter(None, found)))
    if not operations:
        return f"the network cannot be converted to TFLite ({_last_words(text)})"
    where = _layers(operations, graph)
    return (
        f"the network uses {', '.join(operations[:SHOWN])}{where}, which TFLite has no operator "
        "for; replace the layer and save the model again"
    )


def _layers(operations: list[str], graph) -> str:
    """Where the operations stand: their names in the graph, which have those of their layers."""
    nodes = graph.node if graph is not None else ()
    names = [node.name for node in nodes if node.op in operations]
    return f" ({', '.join(names[:SHOWN])})" if names else ""


def _last_words(text: str) -> str:
    """The line of the message that names the fault: the last one of Python's own tracebacks."""
    lines = [] if RAISED_IN_A_LAYER.match(text) else [t for t in text.splitlines() if "rror" in t]
    return brief(lines[-1] if lines else text)
