"""An ONNX model under change: its nodes and constants, and who makes and reads each value."""

from collections import defaultdict

import numpy as np

from quantize.graph.graph import Quantization


class OnnxEditor:
    """A copy of ``model``. ``index`` brings the lookups up to date after nodes came or went."""

    def __init__(self, model) -> None:
        import onnx

        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self.nodes = list(self._model.graph.node)
        self.initializers = {i.name: i for i in self._model.graph.initializer}
        self.inputs = {i.name: i for i in self._model.graph.input}
        self.outputs = {o.name: o for o in self._model.graph.output}
        self.index()

    def index(self) -> None:
        self.producer = {name: node for node in self.nodes for name in node.output}
        self.consumers = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self.consumers[name].append(node)

    def model(self):
        """The changed model, without the constants that nothing reads any more."""
        graph = self._model.graph
        del graph.node[:]
        graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        kept = [i for name, i in self.initializers.items() if name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        del graph.value_info[:]
        return self._model

    def constant(self, name: str) -> np.ndarray:
        """The value of an initializer."""
        from onnx import numpy_helper

        return numpy_helper.to_array(self.initializers[name])

    def add_constant(self, name: str, values: np.ndarray) -> None:
        """A new initializer; one that is there stays."""
        from onnx import numpy_helper

        if name not in self.initializers:
            made = numpy_helper.from_array(np.asarray(values, order="C"), name)
            self.initializers[name] = made

    def add_affine(self, value: str, quantization: Quantization, dtype) -> tuple[str, str]:
        """Names of a new scale and zero point; for uint8 the same levels counted from 0."""
        scale, zero_point = f"{value}/scale", f"{value}/zero_point_{np.dtype(dtype)}"
        levels_up = 128 if dtype == np.uint8 else 0
        self.add_constant(scale, quantization.scale.reshape(()))
        level = (quantization.zero_point + levels_up).astype(dtype)
        self.add_constant(zero_point, level.reshape(()))
        return scale, zero_point

    def insert_before(self, node, other) -> None:
        """Put the new node ``other`` before ``node``."""
        self.nodes.insert(self.nodes.index(node), other)
