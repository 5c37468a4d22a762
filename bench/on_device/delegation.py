"""The share of a file's operators that run inside LiteRT's CPU delegate."""

from quantize.runtime.delegate_pieces import delegate_pieces


def delegation(session):
    """Operators inside and outside LiteRT's delegate, as in a result; None for ONNX Runtime."""
    if not hasattr(session, "interpreter"):
        return None
    own, pieces = delegate_pieces(session.interpreter)
    inside = {number for piece in pieces for number in piece}
    outside = {}
    for number, operator in enumerate(own):
        if number not in inside:
            outside[operator["op_name"]] = outside.get(operator["op_name"], 0) + 1
    most_first = dict(sorted(outside.items(), key=lambda item: -item[1]))
    return {"inside": len(inside), "pieces": len(pieces), "outside": most_first}
