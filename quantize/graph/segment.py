"""Part of a graph, run by itself on stored activations: how the layer-by-layer passes work.

A pass that corrects layer after layer would run the whole network once for every layer. Walking
through it segment by segment runs every operator once.
"""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor


def cut(editor: GraphEditor, first: int, last: int) -> Graph:
    """Operators ``first`` up to ``last`` (not included) of ``editor`` as a graph of their own.

    Its inputs are the activations that come from outside, its outputs those that are read outside.
    """
    inside, outside = editor.operators[first:last], editor.operators[last:]
    made = [int(i) for operator in inside for i in operator.outputs]
    read = dict.fromkeys(int(i) for operator in inside for i in operator.inputs if i >= 0)
    wanted = {int(i) for operator in outside for i in operator.inputs}
    wanted |= {int(i) for i in editor.subgraph.outputs}
    part = copy.copy(editor.subgraph)
    part.inputs = [i for i in read if i not in made and editor.constant_bytes(i) is None]
    part.outputs = [i for i in made if i in wanted]
    part.operators = [copy.copy(operator) for operator in inside]
    part.tensors = list(editor.subgraph.tensors)
    return editor.with_subgraph(part).graph()


class Walk:
    """The activations of some images on their way through a graph, as far as they are needed.

    ``values`` maps the name of an activation to its values [n, ...] in the graph's own dtype.
    """

    def __init__(self, editor: GraphEditor, images: np.ndarray, threads: int) -> None:
        self.editor = editor
        self.threads = threads
        self.position = 0
        self.values = {editor.name(int(editor.subgraph.inputs[0])): images}

    def to(self, last: int) -> None:
        """Run the operators up to ``last`` (not included), as they are now."""
        if last > self.position:
            part = cut(self.editor, self.position, last)
            self.values.update(run(part, self.values, self.threads))
            self.position = last
            self._forget()

    def _forget(self) -> None:
        ahead = self.editor.operators[self.position :]
        needed = {self.editor.name(int(i)) for o in ahead for i in o.inputs if i >= 0}
        needed |= {self.editor.name(int(i)) for i in self.editor.subgraph.outputs}
        self.values = {name: value for name, value in self.values.items() if name in needed}


def run(graph: Graph, inputs: dict[str, np.ndarray], threads: int) -> dict[str, np.ndarray]:
    """Outputs [n, ...] of ``graph`` by name, for ``inputs`` [n, ...] by name, image by image.

    A tensor of batch 1 has its own shape without the 1 after the n; any other (several views of an
    image, a mean without an axis for it) has its whole shape there.
    """
    images = len(next(iter(inputs.values())))
    outputs = {
        name: np.empty((images, *_of_an_image(graph, name)), graph.dtype(name))
        for name in graph.outputs
    }
    shapes = {name: [int(n) for n in graph.tensor(name).shape] for name in graph.inputs}

    def work(chosen: range) -> None:
        interpreter = graph.interpreter(threads=1)
        at = {d["name"]: d["index"] for d in interpreter.get_input_details()}
        found = {d["name"]: d["index"] for d in interpreter.get_output_details()}
        for i in chosen:
            for name in graph.inputs:
                interpreter.set_tensor(at[name], inputs[name][i].reshape(shapes[name]))
            interpreter.invoke()
            for name in graph.outputs:
                value = interpreter.get_tensor(found[name])
                outputs[name][i] = value.reshape(outputs[name].shape[1:])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [range(i, images, threads) for i in range(threads)]))
    return outputs


def _of_an_image(graph: Graph, name: str) -> list[int]:
    """The shape of a tensor for one image."""
    shape = [int(n) for n in graph.tensor(name).shape]
    return shape[1:] if shape[:1] == [1] else shape
