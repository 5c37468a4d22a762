"""Loops of a frozen function, written out step by step; TFLite has no operators for most of them.

How often a loop runs, and which element of a list a step reads, must not depend on the image. A
recurrent layer is such a loop: as many steps as its input has rows.
"""

import numpy as np

from models.keras_files.traced import imported

LOOPS = ("While", "StatelessWhile")
BRANCHES = ("If", "StatelessIf")
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
MOST_STEPS = 1000


class NotUnrollable(Exception):
    """Says why a loop cannot be written out."""


def unrolled(function, shape: tuple):
    """``function``, a frozen one of images of ``shape``, without loops; None where it has none.

    Raises NotUnrollable.
    """
    definition = function.graph.as_graph_def()
    if not any(node.op in (*LOOPS, *BRANCHES) for node in definition.node):
        return None
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        fed = tf.compat.v1.placeholder(function.inputs[0].dtype, shape, name="image")
        walk = _Walk(graph, {each.signature.name: each for each in definition.library.function})
        known = walk.nodes(definition.node, {function.inputs[0].op.name: [fed]})
        found = [_value(known, output.name) for output in function.outputs]
        outputs = [tf.identity(walk.tensor(value)).name for value in found]
    return imported(graph.as_graph_def(), [fed.name], outputs)


class _Walk:
    """Evaluates what does not depend on the image, and writes the rest into ``graph``.

    A value is an array (known), a tensor of ``graph``, or a list of values (TensorFlow's lists).
    """

    def __init__(self, graph, functions) -> None:
        self.graph, self.functions = graph, functions

    def nodes(self, nodes, known: dict) -> dict:
        """The outputs of all ``nodes`` by the node's name; ``known`` has those of the inputs."""
        known = dict(known)
        waiting = {node.name: node for node in nodes if node.name not in known}
        for name in list(waiting):
            stack = [name]
            while stack:
                node = waiting.get(stack[-1])
                if node is None:
                    stack.pop()
                    continue
                names = [n for n in node.input if not n.startswith("^")]
                ahead = [n.partition(":")[0] for n in names if n.partition(":")[0] in waiting]
                if ahead:
                    stack += ahead
                    continue
                known[node.name] = self._node(node, [_value(known, n) for n in names])
                del waiting[stack.pop()]
        return known

    def tensor(self, value):
        import tensorflow as tf

        return value if tf.is_tensor(value) else tf.constant(value)

    def _node(self, node, given: list) -> list:
        if node.op in LOOPS:
            return self._loop(node, given)
        if node.op in CALLS:
            return self._call(node.attr["f"].func.name, given)
        if node.op in BRANCHES:
            condition = self._known(given[0], node)
            branch = "then_branch" if condition else "else_branch"
            return self._call(node.attr[branch].func.name, given[1:])
        if node.op.startswith(("TensorList", "EmptyTensorList")):
            return [self._list(node, given)]
        if node.op == "StridedSlice":
            found = _known_size(node, given)
            if found is not None:
                return [found]
        return self._written(node, given)

    def _loop(self, node, values: list) -> list:
        for _ in range(MOST_STEPS):
            (going,) = self._call(node.attr["cond"].func.name, values)
            if not self._known(going, node):
                return values
            values = self._call(node.attr["body"].func.name, values)
        raise NotUnrollable(f"{node.name} has more than {MOST_STEPS} steps")

    def _call(self, name: str, given: list) -> list:
        function = self.functions[name]
        arguments = [argument.name for argument in function.signature.input_arg]
        known = {each: [value] for each, value in zip(arguments, given, strict=True)}
        known = self.nodes(function.node_def, known)
        outputs = [function.ret[each.name] for each in function.signature.output_arg]
        return [_value(known, name) for name in outputs]

    def _list(self, node, given: list):
        kind = node.op
        if kind == "TensorListReserve":
            return [None] * int(self._known(given[1], node))
        if kind == "EmptyTensorList":
            return []
        if kind == "TensorListFromTensor":
            count = given[0].shape[0]
            if count is None:
                raise NotUnrollable(f"{node.name} has a count of steps that is not fixed")
            return [given[0][number] for number in range(count)]
        if kind == "TensorListLength":
            return np.int32(len(given[0]))
        if kind == "TensorListPushBack":
            return [*given[0], given[1]]
        if kind == "TensorListSetItem":
            place = int(self._known(given[1], node))
            return [*given[0][:place], given[2], *given[0][place + 1 :]]
        if kind == "TensorListGetItem":
            found = given[0][int(self._known(given[1], node))]
            if found is not None:
                return found
        if kind == "TensorListStack" and not any(each is None for each in given[0]):
            import tensorflow as tf

            return tf.stack([self.tensor(each) for each in given[0]])
        raise NotUnrollable(f"{node.name} ({kind})")

    def _written(self, node, given: list) -> list:
        """The node itself: its value where all that it reads is known, else in the graph."""
        import tensorflow as tf

        if node.op == "NoOp":
            return []
        if node.op == "Identity" and isinstance(given[0], list):
            return given
        is_known = not any(tf.is_tensor(value) for value in given) and node.op != "Placeholder"
        graph = tf.Graph() if is_known and given else self.graph
        with graph.as_default():
            operation = graph.create_op(
                node.op, [self.tensor(value) for value in given],
                name=node.name, attrs=_attributes(node),
            )  # fmt: skip
            if node.op == "Const":
                return [tf.get_static_value(operation.outputs[0])]
            if graph is self.graph:
                return [_static(tensor) for tensor in operation.outputs]
            with tf.compat.v1.Session(graph=graph) as session:
                return session.run(operation.outputs)

    def _known(self, value, node) -> np.ndarray:
        import tensorflow as tf

        if tf.is_tensor(value):
            raise NotUnrollable(f"how {node.name} goes on depends on the image")
        return value


def _value(known: dict, name: str):
    """The value of a tensor: ``node:2`` in a graph, ``node:output:0`` in a function."""
    node, *rest = name.split(":")
    return known[node][int(rest[-1]) if rest else 0]


def _attributes(node) -> dict:
    return {key: value for key, value in node.attr.items() if not key.startswith("_")}


def _static(tensor):
    """Its value where the shapes alone tell it."""
    import tensorflow as tf

    found = tf.get_static_value(tensor)
    return tensor if found is None else found


def _known_size(node, given: list):
    """One dimension of a shape, where that one is known though another is not."""
    import tensorflow as tf

    shape, *ends = given
    if not tf.is_tensor(shape) or shape.op.type != "Shape" or any(map(tf.is_tensor, ends)):
        return None
    first, _, step = (int(each[0]) for each in ends)
    dimensions = shape.op.inputs[0].shape
    if node.attr["shrink_axis_mask"].i != 1 or step != 1 or dimensions.rank is None:
        return None
    size = dimensions[first]
    return None if size is None else np.asarray(size, shape.dtype.as_numpy_dtype)
