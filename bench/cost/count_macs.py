"""Counting: what each operator of a float graph costs.

The counting rule: one multiply-accumulate (MAC) for each weight and output position it is used at,
also where the position lies on the border and a part of the weights meets padding. Biases,
activations, elementwise operators and pooling are no MACs. What is read and written is each tensor
once, as by a processor whose cache holds the operator's tensors but not those of the next one.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from bench.cost import operator_kind
from bench.cost.layer_cost import LayerCost
from quantize.graph.graph import LINEAR, Graph
from quantize.graph.layer_names import layer_names, names_of

BIAS = 2  # which input of an operator with weights is its bias


def layer_costs(graph: Graph) -> tuple[LayerCost, ...]:
    """Every operator of a float graph, or of a quantized one, in execution order.

    An operator that is not known here costs what its tensors do, and has no MACs.
    """
    return _Count(graph).costs()


@dataclass(frozen=True)
class _Count:
    graph: Graph

    def costs(self) -> tuple[LayerCost, ...]:
        names, parameters = self._names(), self._parameters()
        return tuple(
            LayerCost(
                name=names[outputs[0]],
                output=outputs[0],
                kind=operator_kind.of(operator, [self._shape(name) for name in inputs]),
                operator=operator,
                output_shape=self._shape(outputs[0]),
                parameters=parameters[number],
                macs=self._macs(operator, inputs, outputs[0]),
                values_read=sum(self._values(name) for name in dict.fromkeys(inputs)),
                values_written=sum(self._values(name) for name in outputs),
                has_int8_kernel=operator_kind.has_int8_kernel(operator),
            )
            for number, (operator, inputs, outputs) in enumerate(self.graph.operators())
        )

    def _macs(self, operator: str, inputs: list[str], output: str) -> int:
        if operator not in LINEAR:
            return 0
        kernel = self._shape(inputs[1])
        # [1, h, w, out] of a depthwise kernel, [out, ..., in] of the others; in a grouped
        # convolution's that is the channels of one group.
        weights_each = kernel[1:3] if operator == "DEPTHWISE_CONV_2D" else kernel[1:]
        return self._values(output) * prod(weights_each)

    def _shape(self, name: str) -> tuple[int, ...]:
        found = self.graph.tensor(name).shape
        return () if found is None else tuple(int(n) for n in found)  # None: a scalar

    def _values(self, name: str) -> int:
        """Elements of a tensor; none of shapes and axes, which are settings of the operator:
        integers without a scale."""
        is_integer = not np.issubdtype(self.graph.dtype(name), np.floating)
        if name in self._constants and is_integer and self.graph.quantization(name) is None:
            return 0
        return prod(self._shape(name))

    @cached_property
    def _constants(self) -> frozenset[str]:
        every = {tensor.name.decode() for tensor in self.graph.subgraph.tensors}
        return frozenset(every - set(self.graph.activations))

    def _parameters(self) -> list[int]:
        """Of each operator, in order. A single number, as that pixels are scaled by, is not one.

        A kernel that several operators share is the first one's. Biases are counted wherever they
        are read: equal ones of different layers, such as zeros, are stored once.
        """
        found, seen = [], set()
        for operator, inputs, _ in self.graph.operators():
            own = [
                name
                for position, name in enumerate(inputs)
                if name in self._constants
                and (name not in seen or (operator in LINEAR and position == BIAS))
            ]
            seen.update(own)
            found.append(sum(size for size in map(self._values, own) if size > 1))
        return found

    def _names(self) -> dict[str, str]:
        """Name of each operator by its output: the layer's, else the scope of its output."""
        found = {output: name for name, output in layer_names(self.graph).items()}
        taken = set(found.values())
        others = [o[0] for _, _, o in self.graph.operators() if o[0] not in found]
        for output, name in zip(others, names_of([[o] for o in others]), strict=True):
            found[output] = output if name in taken else name
        return found
