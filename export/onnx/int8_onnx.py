"""The int8 ONNX file: the float ONNX graph with the int8 TFLite graph's integers and scales put in.

QDQ form (QuantizeLinear / DequantizeLinear pairs), which ONNX Runtime fuses into integer kernels.
Nothing is calibrated or rounded again here, so both files carry the same numbers.
"""

import numpy as np

from export.onnx import constants, float_kernels
from export.onnx.model_editor import OnnxEditor
from export.onnx.tensor_matching import ACTIVATIONS, SAME_VALUES, Match, Matching
from quantize.graph.graph import Graph


def quantize(float_model, graph: Graph):
    """``float_model`` with the integers and scales of ``graph``, its int8 TFLite form.

    Input and output are int8, as in ``graph``. Raises CheckFailed where a kernel of the two models
    is not the same one, which would mean that the tensors were matched wrongly.
    """
    editor = OnnxEditor(float_model)
    matching = Matching(editor, graph)
    matches = matching.activations()
    constants.quantize(editor, matching)
    own = {match.value for match in matches}
    matches = [_without_implied_activation(editor, match, own) for match in matches]
    for match in _through_layout(editor, {match.value: match for match in matches}).values():
        _insert_pair(editor, matching, match)
    model = editor.model()
    float_kernels.keep_float(model)
    return OnnxEditor(model).model()


def _without_implied_activation(editor: OnnxEditor, match: Match, own: set[str]) -> Match:
    """Without the Clip that the integer range already is: it would stop the fusion.

    ``own``: values with an affine map of their own. A Clip of one of them stays, as in TFLite.
    """
    node = editor.producer.get(match.value)
    if node is None or node.op_type not in ACTIVATIONS or match.exact_for or node.input[0] in own:
        return match
    low, high = _clip_bounds(editor, node)
    scale = float(match.quantization.scale[0])
    zero_point = int(match.quantization.zero_point[0])
    slack = scale / 2
    if (-128 - zero_point) * scale < low - slack or (127 - zero_point) * scale > high + slack:
        return match
    source = node.input[0]
    editor.nodes.remove(node)
    for reader in editor.consumers[node.output[0]]:
        _reread(reader, node.output[0], source)
    editor.index()
    return Match(source, match.quantization)


def _clip_bounds(editor: OnnxEditor, node) -> tuple[float, float]:
    if node.op_type == "Relu":
        return 0.0, np.inf
    bounds = [-np.inf, np.inf]
    for i, name in enumerate(node.input[1:3]):
        if name in editor.initializers:
            bounds[i] = float(editor.constant(name))
    return bounds[0], bounds[1]


def _through_layout(editor: OnnxEditor, matches: dict[str, Match]) -> dict[str, Match]:
    """Ops that only move values hand their input's affine map on."""
    matches = dict(matches)
    for node in editor.nodes:
        if node.op_type in SAME_VALUES and node.input[0] in matches:
            output, quantization = node.output[0], matches[node.input[0]].quantization
            matches.setdefault(output, Match(output, quantization))
    return matches


def _insert_pair(editor: OnnxEditor, matching: Matching, match: Match) -> None:
    """A QuantizeLinear / DequantizeLinear pair on a value that is an integer in TFLite.

    Inside they are uint8 (same scale, zero point 128 higher): ONNX Runtime turns int8 activations
    into uint8 itself where the processor wants it, and loses fusions on the way.
    """
    from onnx import TensorProto, helper

    value, quantization = match.value, match.quantization
    at = editor.nodes.index(editor.producer[value]) + 1 if value in editor.producer else 0
    if value in editor.outputs:
        node = editor.producer[value]
        node.output[list(node.output).index(value)] = f"{value}/float"
        affine = editor.add_affine(value, quantization, np.int8)
        new = [helper.make_node("QuantizeLinear", [f"{value}/float", *affine], [value])]
        editor.outputs[value].type.tensor_type.elem_type = TensorProto.INT8
        stored = value
    else:
        new, real = [], value
        if value in editor.inputs:
            signed = editor.add_affine(value, quantization, np.int8)
            real = f"{value}/float"
            new = [helper.make_node("DequantizeLinear", [value, *signed], [real])]
            editor.inputs[value].type.tensor_type.elem_type = TensorProto.INT8
        stored, affine = f"{value}/uint8", editor.add_affine(value, quantization, np.uint8)
        new.append(helper.make_node("QuantizeLinear", [real, *affine], [stored]))
    if editor.consumers[value]:
        read = f"{value}/real"
        new.append(helper.make_node("DequantizeLinear", [stored, *affine], [read]))
        for reader in editor.consumers[value]:
            if not match.exact_for & matching.operators_at(reader):
                _reread(reader, value, read)
    editor.nodes[at:at] = new


def _reread(node, old: str, new: str) -> None:
    """Make ``node`` read the value ``new`` instead of ``old``."""
    for i, name in enumerate(node.input):
        if name == old:
            node.input[i] = new
