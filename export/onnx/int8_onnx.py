"""The int8 ONNX file: the float ONNX graph with the int8 TFLite graph's integers and scales put in.

QDQ form (QuantizeLinear / DequantizeLinear pairs), which ONNX Runtime fuses into integer kernels.
Nothing is calibrated or rounded again here, so both files carry the same numbers.
"""

import numpy as np

from export.onnx import constants, float_kernels
from export.onnx.model_editor import OnnxDraft
from export.onnx.tensor_matching import ACTIVATIONS, SAME_VALUES, Match, Matching
from quantize.graph.graph import Graph


def quantize(float_model, graph: Graph):
    """``float_model`` with the integers and scales of ``graph``, its int8 TFLite form.

    Input and output are int8, as in ``graph``. Raises CheckFailed where a kernel of the two models
    is not the same one, which would mean that the tensors were matched wrongly.
    """
    draft = OnnxDraft(float_model)
    matching = Matching(draft, graph)
    matches = matching.activations()
    constants.quantize(draft, matching)
    own = {match.value for match in matches}
    matches = [_without_implied_activation(draft, match, own) for match in matches]
    for match in _through_layout(draft, {match.value: match for match in matches}).values():
        _insert_pair(draft, matching, match)
    model = draft.model()
    float_kernels.keep_float(model)
    return OnnxDraft(model).model()


def _without_implied_activation(draft: OnnxDraft, match: Match, own: set[str]) -> Match:
    """Without the Clip that the integer range already is: it would stop the fusion.

    ``own``: values with an affine map of their own. A Clip of one of them stays, as in TFLite.
    """
    node = draft.producer.get(match.value)
    if node is None or node.op_type not in ACTIVATIONS or match.exact_for or node.input[0] in own:
        return match
    low, high = _clip_bounds(draft, node)
    scale = float(match.quantization.scale[0])
    zero_point = int(match.quantization.zero_point[0])
    slack = scale / 2
    if (-128 - zero_point) * scale < low - slack or (127 - zero_point) * scale > high + slack:
        return match
    source = node.input[0]
    draft.nodes.remove(node)
    for reader in draft.consumers[node.output[0]]:
        _reread(reader, node.output[0], source)
    draft.index()
    return Match(source, match.quantization)


def _clip_bounds(draft: OnnxDraft, node) -> tuple[float, float]:
    if node.op_type == "Relu":
        return 0.0, np.inf
    bounds = [-np.inf, np.inf]
    for i, name in enumerate(node.input[1:3]):
        if name in draft.initializers:
            bounds[i] = float(draft.constant(name))
    return bounds[0], bounds[1]


def _through_layout(draft: OnnxDraft, matches: dict[str, Match]) -> dict[str, Match]:
    """Ops that only move values hand their input's affine map on."""
    matches = dict(matches)
    for node in draft.nodes:
        if node.op_type in SAME_VALUES and node.input[0] in matches:
            output, quantization = node.output[0], matches[node.input[0]].quantization
            matches.setdefault(output, Match(output, quantization))
    return matches


def _insert_pair(draft: OnnxDraft, matching: Matching, match: Match) -> None:
    """A QuantizeLinear / DequantizeLinear pair on a value that is an integer in TFLite.

    Inside they are uint8 (same scale, zero point 128 higher): ONNX Runtime turns int8 activations
    into uint8 itself where the processor wants it, and loses fusions on the way.
    """
    from onnx import TensorProto, helper

    value, quantization = match.value, match.quantization
    at = draft.nodes.index(draft.producer[value]) + 1 if value in draft.producer else 0
    if value in draft.outputs:
        node = draft.producer[value]
        node.output[list(node.output).index(value)] = f"{value}/float"
        affine = draft.add_affine(value, quantization, np.int8)
        new = [helper.make_node("QuantizeLinear", [f"{value}/float", *affine], [value])]
        draft.outputs[value].type.tensor_type.elem_type = TensorProto.INT8
        stored = value
    else:
        new, real = [], value
        if value in draft.inputs:
            signed = draft.add_affine(value, quantization, np.int8)
            real = f"{value}/float"
            new = [helper.make_node("DequantizeLinear", [value, *signed], [real])]
            draft.inputs[value].type.tensor_type.elem_type = TensorProto.INT8
        stored, affine = f"{value}/uint8", draft.add_affine(value, quantization, np.uint8)
        new.append(helper.make_node("QuantizeLinear", [real, *affine], [stored]))
    if draft.consumers[value]:
        read = f"{value}/real"
        new.append(helper.make_node("DequantizeLinear", [stored, *affine], [read]))
        for reader in draft.consumers[value]:
            if not match.exact_for & matching.operators_at(reader):
                _reread(reader, value, read)
    draft.nodes[at:at] = new


def _reread(node, old: str, new: str) -> None:
    """Make ``node`` read the value ``new`` instead of ``old``."""
    for i, name in enumerate(node.input):
        if name == old:
            node.input[i] = new
