"""Layers that stay float inside an int8 ONNX file, in a form that ONNX Runtime leaves float.

Its optimizer takes a float Conv or Gemm between a DequantizeLinear and a QuantizeLinear for one
whose weights somebody forgot, and quantizes them with one scale for all channels. It does so only
where the input has a single scale. So these layers read their input through a DequantizeLinear of
their own that has a scale for each channel, all of them the same: equal values, another shape.
"""

import numpy as np


def keep_float(model) -> None:
    """Give each float kernel of ``model`` that reads quantized values that form; in place."""
    from onnx import helper, numpy_helper

    constants = {i.name: i for i in model.graph.initializer}
    nodes = list(model.graph.node)
    producers = {name: node for node in nodes for name in node.output}
    for node in list(nodes):
        if node.op_type not in ("Conv", "Gemm") or node.input[1] not in constants:
            continue
        source = producers.get(node.input[0])
        if source is None or source.op_type != "DequantizeLinear":
            continue
        base = f"{node.output[0]}/input"
        names = [f"{base}_scale", f"{base}_zero_point"]
        channels = _input_channels(node, constants[node.input[1]].dims)
        for name, single in zip(names, source.input[1:], strict=True):
            spread = np.full(channels, numpy_helper.to_array(constants[single]))
            model.graph.initializer.append(numpy_helper.from_array(spread, name))
        pair = helper.make_node("DequantizeLinear", [source.input[0], *names], [base], axis=1)
        nodes.insert(nodes.index(node), pair)
        node.input[0] = base
    read = {name for node in nodes for name in node.input}
    read |= {output.name for output in model.graph.output}
    kept = [n for n in nodes if n.op_type != "DequantizeLinear" or n.output[0] in read]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _input_channels(node, kernel_shape) -> int:
    """The number of channels that ``node`` reads."""
    attributes = {a.name: a.i for a in node.attribute if a.name in ("group", "transB")}
    if node.op_type == "Conv":
        return kernel_shape[1] * attributes.get("group", 1)
    return kernel_shape[1] if attributes.get("transB") else kernel_shape[0]
