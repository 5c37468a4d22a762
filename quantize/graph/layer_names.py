"""The names that people give layers: ``conv_dw_1`` for a tensor of six names fused into one.

TensorFlow names a tensor after all the operators that the converter fused into it; the layer is the
scope of the one with the kernel, and the number that Keras puts after every scope is dropped.
"""

import difflib
import re

from models.command_line.errors import RequestError
from quantize.graph.graph import LINEAR, Graph

KERNEL = re.compile(r"(convolution|depthwise|separable_conv2d|MatMul|Conv2D|BiasAdd)\d*$")
# The first of the two operators of a separable convolution, whose second has the layer's name.
FIRST_HALF = re.compile(r"(.*?)(_\d+)?/separable_conv2d/depthwise\d*$")
NUMBERED = re.compile(r"_\d+$")
KNOWN_SHOWN = 6  # names that an error mentions at most


def layer_names(graph: Graph) -> dict[str, str]:
    """Output tensor of each layer with weights, in execution order, by the layer's name.

    The shortest that no other layer has: ``conv1``, else with the scopes around it, else the whole
    tensor's name.
    """
    layers = [(i, o[0]) for kind, i, o in graph.operators() if kind in LINEAR]
    names = names_of([[output, *inputs[1:]] for inputs, output in layers])
    return {name: output for name, (_, output) in zip(names, layers, strict=True)}


def names_of(layers: list[list[str]]) -> list[str]:
    """A name for each layer, given the names of its output and, after it, of its constants."""
    scopes = [_scope(tensors) for tensors in layers]
    ends = [scope.split("/")[-1] for scope in scopes]
    numbered = all(NUMBERED.search(end) for end in ends if end)
    forms = ([NUMBERED.sub("", end) for end in ends] if numbered else ends, ends, scopes)
    chosen: dict[int, str] = {}
    for form in (*forms, [tensors[0] for tensors in layers]):
        for i, name in enumerate(form):
            if i not in chosen and form.count(name) == 1 and name not in {"", *chosen.values()}:
                chosen[i] = name
    return [chosen[i] for i in range(len(layers))]


def _scope(tensors: list[str]) -> str:
    """The scope of the operator with the kernel among the names fused into a layer's tensors.

    The output, which comes first, says nothing where it is the network's and was named anew.
    """
    parts = [part for tensor in tensors for part in tensor.split(";")]
    kernels = [part for part in parts if KERNEL.search(part)]
    named = (kernels or parts)[0]
    if half := FIRST_HALF.fullmatch(named):
        return f"{half[1]}_depthwise{half[2] or ''}"
    return named.rpartition("/")[0]


def split_names(names: str) -> tuple[str, ...]:
    """The names in the comma-separated ``names``."""
    return tuple(name.strip() for name in names.split(",")) if names else ()


def find(graph: Graph, names: tuple[str, ...], listing: str | None = None) -> frozenset[str]:
    """Output tensors of the layers so called; RequestError for a name that no layer has.

    ``listing``: a command that prints all layers, for the message.
    """
    known = layer_names(graph)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, KNOWN_SHOWN, cutoff=0.4)
            shown = near or list(known)[:KNOWN_SHOWN]
            dots = ", ..." if len(known) > len(shown) else ""
            listed = f"; {listing} prints all of them" if listing else ""
            raise RequestError(
                f"KEEP_FLOAT has {name!r}, which is not a layer with weights; expected "
                f"comma-separated names, e.g. {', '.join(shown)}{dots}{listed}"
            )
    return frozenset(known[name] for name in names)
