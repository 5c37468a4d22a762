"""One block of a network as boxes and arrows, read from the graph of its Keras model."""

from dataclasses import dataclass

INPUT, OUTPUT = "input", "output"
PASSED_OVER = ("ZeroPadding2D", "Dropout")  # belongs to the layer behind it, or only to training
JOINED = ("BatchNormalization", "ReLU", "Activation")  # written into the box of the layer before
CALLED = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "hard_silu": "h-swish",
    "hard_sigmoid": "hard sigmoid",
}
# How the channel shuffle of ShuffleNet is written in Keras, one layer after the other.
SHUFFLE = {("Reshape", "Permute"): "Transposed groups", ("Transposed groups", "Reshape"): "Shuffle"}
WORDS = {
    "Conv2D": "Conv",
    "DepthwiseConv2D": "Depthwise",
    "SeparableConv2D": "Separable",
    "MaxPooling2D": "Max pool",
    "AveragePooling2D": "Average pool",
    "GlobalAveragePooling2D": "Global average pool",
    "Permute": "Transpose",
}


@dataclass(frozen=True)
class Box:
    """One layer: its Keras class as ``kind`` (or INPUT, OUTPUT), and the words that describe it."""

    kind: str
    title: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """A map of ``shape`` (height, width, channels) from one box to another, by their indices."""

    source: int
    target: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """Boxes in an order of execution, the block's input first and its output last."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def read(keras_model, behind: str, last: str) -> Block:
    """The block between the output of the layer called ``behind`` and that of ``last``.

    Batch norms and activations stand in the box of the layer that they follow, padding in that of
    the layer that it is for. ValueError where a layer of the block reads what is not of the block.
    """
    operations = {operation.name: operation for operation in keras_model.operations}
    return _Reading(operations[behind].output).block(operations[last].output)


def spelled(shape) -> str:
    """A shape without the batch, as ``56 x 56 x 24``."""
    return " x ".join(str(size) for size in shape)


def _key(tensor) -> tuple:
    """What tells one tensor of a Keras graph from another."""
    history = tensor._keras_history
    return history.operation.name, history.node_index, history.tensor_index


class _Reading:
    """The boxes found so far, and which of them a tensor comes from."""

    def __init__(self, entry) -> None:
        self.entry = entry
        self.boxes = [Box(INPUT, spelled(entry.shape[1:]))]
        self.arrows: list[Arrow] = []
        self.origin = {_key(entry): (0, entry)}

    def block(self, end) -> Block:
        nodes = self._nodes(end)
        readers = [_key(tensor) for node in nodes for tensor in node.input_tensors]
        for node in nodes:
            self._add(node, alone=readers.count(_key(node.input_tensors[0])) == 1)
        self._box(Box(OUTPUT, spelled(end.shape[1:])), [end])
        return Block(tuple(self.boxes), tuple(self.arrows))

    def _nodes(self, end) -> list:
        """The calls of layers between the entry and ``end``, each behind those it reads from."""
        found: dict[tuple, object] = {}

        def visit(tensor):
            name, call, _ = _key(tensor)
            if _key(tensor) == _key(self.entry) or (name, call) in found:
                return
            node = tensor._keras_history.operation._inbound_nodes[call]
            if node.is_input:
                raise ValueError(f"{_key(end)[0]} depends on more than {_key(self.entry)[0]}")
            for read in node.input_tensors:
                visit(read)
            found[name, call] = node

        visit(end)
        return list(found.values())

    def _add(self, node, alone: bool) -> None:
        """The box of a layer's call; ``alone``: nothing else of the block reads what it reads."""
        operation, kind = node.operation, type(node.operation).__name__
        at, tensor = self.origin[_key(node.input_tensors[0])]
        before = self.boxes[at]
        if kind in PASSED_OVER:
            self.origin[_key(node.outputs[0])] = at, tensor
            return
        if kind in JOINED and alone and before.kind != INPUT:
            self.boxes[at] = Box(before.kind, before.title, (*before.notes, *_after(operation)))
        elif (before.kind, kind) in SHUFFLE and alone:
            self.boxes[at] = _shuffled(before, node)
        else:
            at = self._box(_described(operation, node.outputs[0].shape), node.input_tensors)
        for made in node.outputs:
            self.origin[_key(made)] = at, made

    def _box(self, box: Box, inputs) -> int:
        self.boxes.append(box)
        for read in inputs:
            source, tensor = self.origin[_key(read)]
            self.arrows.append(Arrow(source, len(self.boxes) - 1, tuple(tensor.shape[1:])))
        return len(self.boxes) - 1


def _described(operation, shape) -> Box:
    """A layer's kind, kernel and stride; channels, groups and an activation of its own."""
    kind = type(operation).__name__
    if kind in JOINED:
        return Box(kind, *_after(operation))
    title = WORDS.get(kind, kind)
    window = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
    if window:
        title += f" {window[0]}x{window[1]}"
        if max(operation.strides) > 1:
            title += f", stride {max(operation.strides)}"
    if not hasattr(operation, "kernel_size"):
        return Box(kind, title)
    groups = [f"{operation.groups} groups"] if getattr(operation, "groups", 1) > 1 else []
    return Box(kind, title, (f"{shape[-1]} channels", *groups, *_after(operation)))


def _shuffled(before: Box, node) -> Box:
    """The box of a layer that goes on with a channel shuffle."""
    kind = SHUFFLE[before.kind, type(node.operation).__name__]
    if kind == "Shuffle":
        return Box(kind, "Channel shuffle", before.notes)
    _, groups, channels = node.input_tensors[0].shape[1:]
    return Box(kind, "Transpose", (f"{groups} groups of {channels}",))


def _after(operation) -> tuple[str, ...]:
    """What a layer does last: itself if it is a norm or an activation, else its own activation."""
    kind = type(operation).__name__
    if kind == "BatchNormalization":
        return ("BN",)
    if kind == "ReLU":
        ceiling = operation.max_value
        return ("ReLU" if ceiling is None else f"ReLU{ceiling:g}",)
    name = operation.activation.__name__
    return () if name == "linear" else (CALLED.get(name, name),)
