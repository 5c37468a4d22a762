"""Pieces of a .tflite file that run in LiteRT's CPU delegate XNNPACK."""


def delegate_pieces(interpreter):
    """The file's own operators, and of each piece of the delegate the numbers of those in it.

    The interpreter lists the pieces after the file's own operators. What is inside a piece is
    found from its outputs backwards to its inputs.
    """
    listed = interpreter._get_ops_details()
    own = [operator for operator in listed if operator["op_name"] != "DELEGATE"]
    made_by = {int(i): number for number, operator in enumerate(own) for i in operator["outputs"]}
    return own, [_inside(piece, own, made_by) for piece in listed[len(own) :]]


def _inside(piece, own, made_by):
    borders = {int(i) for i in piece["inputs"]}
    left, found = [int(i) for i in piece["outputs"]], set()
    while left:
        tensor = left.pop()
        number = made_by.get(tensor)
        if tensor not in borders and number is not None and number not in found:
            found.add(number)
            left.extend(int(i) for i in own[number]["inputs"])
    return sorted(found)
