"""Inverted residuals computed in channel groups: MobileNetV2, arXiv 1801.04381, section 5.1.

A bottleneck expands its input, filters each channel by itself, and projects back. So the expanded
tensor falls into groups of channels which know nothing of each other until they are summed: expand,
filter and project one group after another, add up what each gives, and the expanded tensor, the
largest there is, never exists whole. The float outputs stay the same.
"""

import copy
import re
from dataclasses import dataclass

import numpy as np

from models.networks.split_limit import check_split
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.layer_names import layer_names
from quantize.passes.bottleneck import Bottleneck, bottlenecks

KERNEL_CHANNELS = 8  # what kernels compute at a time
NUMBERED = re.compile(r"(_\d+)?$")  # the number that Keras puts after every scope


@dataclass(frozen=True)
class Split:
    """``graph`` with bottlenecks in ``groups`` channel groups. ``split`` and ``whole``: names of
    the depthwise layers, in the graph as it was, of those that are and of all others.
    """

    graph: Graph
    groups: int
    split: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    def described(self) -> dict:
        """The manifest's record of it; JSON-able, and nothing where nothing was asked for."""
        if self.groups == 1:
            return {}
        return {"groups": self.groups, "split": self.split, "whole": self.whole}


def split(graph: Graph, groups: int) -> Split:
    """``graph`` with every bottleneck that can be split computed in ``groups`` channel groups; as
    it is for one group.

    Raises RequestError where there is none, and where one has fewer channels than groups.
    """
    if groups == 1:
        return Split(graph, groups)
    editor = GraphEditor(graph)
    found = bottlenecks(editor)
    check_split(groups, [bottleneck.channels for bottleneck in found])
    filters = {editor.name(int(o.outputs[0])) for b in found for o in b.filters}
    for bottleneck in found:
        _split(editor, bottleneck, group_slices(bottleneck.channels, groups))
    kinds = {outputs[0]: kind for kind, _, outputs in graph.operators()}
    depthwise = {n: t for n, t in layer_names(graph).items() if kinds[t] == "DEPTHWISE_CONV_2D"}
    return Split(
        editor.graph(),
        groups,
        tuple(name for name, tensor in depthwise.items() if tensor in filters),
        tuple(name for name, tensor in depthwise.items() if tensor not in filters),
    )


def group_slices(channels: int, groups: int) -> list[slice]:
    """``channels`` in ``groups`` slices as equal as can be, by multiples of KERNEL_CHANNELS where
    there are enough."""
    unit = KERNEL_CHANNELS if channels >= groups * KERNEL_CHANNELS else 1
    parts = np.array_split(np.arange(channels // unit), groups)
    ends = [unit * (int(part[-1]) + 1) for part in parts]
    ends[-1] = channels
    return [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _split(editor: GraphEditor, bottleneck: Bottleneck, slices: list[slice]) -> None:
    """Group after group, each added to the sum before the next begins: so least is alive."""
    project, made, total = bottleneck.project, [], None
    whole = int(project.outputs[0])
    for number, chosen in enumerate(slices, 1):
        group = _Group(editor, number, chosen)
        made += [group.copied(bottleneck.expand, axis=0)]
        made += [group.copied(operator, axis=-1) for operator in bottleneck.filters]
        made += [group.projected(project, with_bias=number == 1)]
        part = int(made[-1].outputs[0])
        if total is None:
            total = part
            continue
        last = number == len(slices)
        name = f"{editor.name(part)}/sum"
        so_far = whole if last else editor.add_activation(name, editor.tensor(whole).shape)
        made.append(editor.operator("ADD", [total, part], so_far))
        total = so_far
    for operator in (bottleneck.expand, *bottleneck.filters):
        editor.replace(operator, [])
    editor.replace(project, made)


class _Group:
    """One group of channels: ``chosen`` of a bottleneck's expanded tensor."""

    def __init__(self, editor: GraphEditor, number: int, chosen: slice) -> None:
        self.editor = editor
        self.number = number
        self.chosen = chosen
        self.mine: dict[int, int] = {}  # tensor of the whole: that of the group

    def copied(self, operator, axis: int):
        """``operator`` for these channels; they lie along ``axis`` of its constants."""
        inputs = [self._constant(operator, i, axis) for i in range(len(operator.inputs))]
        return self._made(operator, inputs, self._output(operator, self.chosen))

    def projected(self, project, with_bias: bool):
        """``project`` of these channels alone; the bias is added once."""
        read, weights, bias = (int(i) for i in project.inputs)
        part = self.editor.read(project, 1)[..., self.chosen]
        if not with_bias:
            none = np.zeros_like(self.editor.read(project, 2))
            bias = self._added(project, bias, none)
        inputs = [self.mine[read], self._added(project, weights, part), bias]
        return self._made(project, inputs, self._output(project, slice(None)))

    def _constant(self, operator, position: int, axis: int) -> int:
        index = int(operator.inputs[position])
        if index in self.mine:
            return self.mine[index]
        if self.editor.constant_bytes(index) is None or self.editor.kind(operator) == "PAD":
            return index  # the bottleneck's input, or how much to pad
        value = self.editor.constant(index)
        if value.size == 1:
            return index
        along = axis if value.ndim > 1 else 0
        chosen = np.arange(value.shape[along])[self.chosen]
        return self._added(operator, index, np.take(value, chosen, along))

    def _added(self, operator, index: int, value: np.ndarray) -> int:
        """A constant of the group's own in place of ``index``, which several layers may share."""
        name = self._named(index)
        if len(self.editor.consumers(index)) > 1:
            name += f"/of {self.editor.name(int(operator.outputs[0]))}"
        return self.editor.add_constant(name, value)

    def _output(self, operator, chosen: slice) -> int:
        whole = int(operator.outputs[0])
        *places, channels = (int(n) for n in self.editor.tensor(whole).shape)
        shape = (*places, len(range(channels)[chosen]))
        self.mine[whole] = self.editor.add_activation(self._named(whole), shape)
        return self.mine[whole]

    def _made(self, operator, inputs: list[int], output: int):
        made = copy.copy(operator)
        made.inputs = np.asarray(inputs, np.int32)
        made.outputs = np.asarray([output], np.int32)
        return made

    def _named(self, index: int) -> str:
        """The tensor's name with the group after each scope, before Keras's number: the layer
        ``block_1_expand`` becomes ``block_1_expand.group1``."""
        parts = []
        for part in self.editor.name(index).split(";"):
            scope, slash, last = part.rpartition("/")
            tagged = NUMBERED.sub(rf".group{self.number}\1", scope or last, count=1)
            parts.append(f"{tagged}{slash}{last}" if scope else tagged)
        return ";".join(parts)
