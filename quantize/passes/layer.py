"""A layer with weights, seen in its float and in its int8 form: what the corrections work on."""

from collections.abc import Iterator

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.groups import group_of, groups
from quantize.graph.segment import cut, run
from quantize.passes.layer_pair import OUTPUT_AXIS

SAME = 0  # the schema's number of that padding
# What ranges and rectifiers cut off shifts dull places, e.g. a background, otherwise than those
# that decide, so a bias that is right for the mean of all is wrong for these. Of the shift that
# comes in, 0.25 to 0.5 is better than all of it on four of five int8 forms of networks with
# ImageNet weights (with all, the KL divergence is up to 1.6 times as large), on MobileNetV1 even.
MADE_UP = np.float32(0.4)


def quantized_images(int8_graph: Graph, images: np.ndarray) -> np.ndarray:
    """Images as the int8 input of ``int8_graph``."""
    found = int8_graph.quantization(int8_graph.inputs[0])
    made = np.empty(images.shape, np.int8)
    for i, image in enumerate(images):
        made[i] = np.clip(np.rint(image / found.scale) + found.zero_point, -128, 127)
    return made


class Layer:
    """One convolution or fully connected layer, in its float and in its int8 form."""

    def __init__(
        self,
        float_editor: GraphEditor,
        int8_editor: GraphEditor,
        position: int,
        float_position: int,
    ):
        self.int8_editor = int8_editor
        self.position = position
        self.operator = int8_editor.operators[position]
        self.input_name = int8_editor.name(int(self.operator.inputs[0]))
        # Not the same where an op between two layers stays float and its output is quantized.
        self.float_input_name = float_editor.name(
            int(float_editor.operators[float_position].inputs[0])
        )
        self.kind = int8_editor.kind(self.operator)
        self.activation = int8_editor.activation(self.operator)
        self.part = GraphEditor(cut(float_editor, float_position, float_position + 1))
        self.part.operators[0].builtinOptions.fusedActivationFunction = 0
        self.float_weights = self.part.read(self.part.operators[0], 1)
        self.float_bias = self.part.read(self.part.operators[0], 2)

    def output(self, inputs: np.ndarray, weights: np.ndarray, threads: int = 1) -> np.ndarray:
        """The layer's output before its activation, with these float weights, for whole inputs."""
        self.part.set_constant(int(self.part.operators[0].inputs[1]), weights)
        graph = self.part.graph()
        whole = inputs.reshape(-1, *graph.tensor(graph.inputs[0]).shape)
        return run(graph, {graph.inputs[0]: whole}, threads)[graph.outputs[0]]

    def real(self, integers: np.ndarray) -> np.ndarray:
        """Input integers (or means of them) as the real values they stand for."""
        scale, zero_point = self.input_affine
        return ((integers - zero_point) * scale).astype(np.float32)

    @property
    def input_affine(self) -> tuple[np.float32, int]:
        """Scale and zero point of the input."""
        return self.int8_editor.affine(int(self.operator.inputs[0]))

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of the output; 1 and 1 for a fully connected layer."""
        shape = self.int8_editor.tensor(int(self.operator.outputs[0])).shape
        return (int(shape[1]), int(shape[2])) if len(shape) == 4 else (1, 1)

    @property
    def kernel_size(self) -> tuple[int, int]:
        shape = self.float_weights.shape
        return (shape[1], shape[2]) if len(shape) == 4 else (1, 1)

    @property
    def groups(self) -> int:
        """Into how many groups a convolution divides its channels."""
        return groups(self.int8_editor, self.operator)

    @property
    def strides(self) -> tuple[int, int]:
        options = self.operator.builtinOptions
        return getattr(options, "strideH", 1), getattr(options, "strideW", 1)

    @property
    def maps(self) -> tuple[int, ...]:
        """The shape of what a plain layer reads at a time: one map [h, w, c], or one row [c]."""
        if self.kind == "FULLY_CONNECTED":
            return self.float_weights.shape[1:]
        shape = self.int8_editor.tensor(int(self.operator.inputs[0])).shape
        return tuple(int(n) for n in shape[1:])

    def padding(self, height: int, width: int) -> tuple[int, int]:
        """Zeros above and to the left of an input of that size."""
        if self.operator.builtinOptions.padding != SAME:
            return 0, 0
        lacking = [
            max((n - 1) * stride + kernel - size, 0)
            for n, stride, kernel, size in zip(
                self.output_size, self.strides, self.kernel_size, (height, width), strict=True
            )
        ]
        return lacking[0] // 2, lacking[1] // 2

    @property
    def is_plain(self) -> bool:
        """True where each output is one patch of the input times the weights, without dilation."""
        options = self.operator.builtinOptions
        if self.kind == "FULLY_CONNECTED":
            row = self.int8_editor.tensor(int(self.operator.inputs[0])).shape
            return int(np.prod(row)) == self.float_weights.shape[1]
        dilated = (options.dilationHFactor, options.dilationWFactor) != (1, 1)
        return not dilated and getattr(options, "depthMultiplier", 1) == 1

    def correct_bias(self, wanted_mean: np.ndarray, found_mean: np.ndarray) -> None:
        """Set the bias to the float one, what the mean output lacks by these weights, and a share,
        MADE_UP, of what it lacks by the input.

        ``wanted_mean`` and ``found_mean`` [1, ...]: mean input in the float and in the int8 graph.
        """
        wanted_mean = found_mean + MADE_UP * (wanted_mean - found_mean)
        wanted = self.output(wanted_mean, self.float_weights)
        shift = wanted - self.output(found_mean, self.int8_weights())
        shift = shift.reshape(-1, shift.shape[-1]).mean(axis=0, dtype=np.float64)
        self.set_bias(self.float_bias + shift + self.stagger())

    def stagger(self) -> np.ndarray:
        """The offsets of n copies of one channel, [output channels]: 0 where there is one alone.

        Fractions of the output's step, symmetric about 0, so that each copy rounds at other
        places and their mean has steps n times finer.
        """
        step = self.int8_editor.affine(int(self.operator.outputs[0]))[0]
        added = np.zeros(len(self.float_bias))
        for copies in self._copies():
            added[copies] = ((np.arange(len(copies)) + 0.5) / len(copies) - 0.5) * step
        return added

    def _copies(self) -> Iterator[np.ndarray]:
        """Indices of each set of output channels that are the same (and not all zero)."""
        axis = OUTPUT_AXIS[self.kind]
        weights = np.moveaxis(self.float_weights, axis, 0).reshape(len(self.float_bias), -1)
        read = group_of(len(weights), self.groups)  # other groups read other inputs
        rows = np.column_stack([read, self.float_bias, weights])
        _, first, times = np.unique(rows, axis=0, return_index=True, return_counts=True)
        for index in first[times > 1]:
            if weights[index].any():
                yield np.flatnonzero((rows == rows[index]).all(axis=1))

    def weight_scale(self) -> np.ndarray:
        """The step of each output channel, in a shape that spreads over the weights."""
        tensor = self.int8_editor.tensor(int(self.operator.inputs[1]))
        axis = OUTPUT_AXIS[self.kind]
        shape = [1] * self.float_weights.ndim
        shape[axis] = self.float_weights.shape[axis]
        return np.broadcast_to(
            np.asarray(tensor.quantization.scale, np.float32), shape[axis]
        ).reshape(shape)

    def int8_weights(self) -> np.ndarray:
        """The real values of the integer weights."""
        return self.integers.astype(np.float32) * self.weight_scale()

    @property
    def integers(self) -> np.ndarray:
        """The int8 weights."""
        return self.int8_editor.read(self.operator, 1)

    @integers.setter
    def integers(self, value: np.ndarray) -> None:
        self.int8_editor.write(self.operator, 1, value)

    def set_bias(self, bias: np.ndarray) -> None:
        """Store real values [output channels] as the int32 bias, as near as its steps allow."""
        self.int8_editor.write_bias(self.operator, bias)


def layers(graph: Graph, int8_editor: GraphEditor) -> Iterator[Layer]:
    """The layers that are int8 in the editor and have a bias, in execution order.

    Those whose weights are computed, whose input is a constant, or that ``graph`` has not, are not
    among them: they keep what they have.
    """
    float_editor = GraphEditor(graph)
    places = {
        float_editor.name(int(operator.outputs[0])): i
        for i, operator in enumerate(float_editor.operators)
    }
    for position, operator in enumerate(int8_editor.operators):
        if int8_editor.kind(operator) not in LINEAR or not int8_editor.is_int8(operator):
            continue
        place = places.get(int8_editor.name(int(operator.outputs[0])))
        constant = [int8_editor.reads_constant(operator, i) for i in range(3)]
        if place is not None and constant == [False, True, True]:
            yield Layer(float_editor, int8_editor, position, place)
