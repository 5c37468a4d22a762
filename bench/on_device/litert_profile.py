"""Events of LiteRT's profiler as operators of a result, named after those of the file."""

from bench.on_device.compiled_model import OPERATOR_EVENT
from bench.on_device.job_error import JobError
from bench.on_device.operator_alignment import aligned
from bench.on_device.operator_time import operator_time
from quantize.runtime.delegate_pieces import delegate_pieces


def profile_litert(interpreter, runs):
    """Events of several runs as operators, named after those of ``interpreter``'s file.

    An event is (what the runtime calls the operator, type, number, microseconds). The number is
    that of the file's operator, or, inside the delegate, counts from 0 in each of its pieces.
    """
    if len({tuple(event[:3] for event in run) for run in runs}) != 1:
        raise JobError("no_profile", "LiteRT profiled other operators from run to run")
    own, pieces = delegate_pieces(interpreter)
    name_of = operator_names(interpreter, own)
    made, inside, last = [], [], None
    for position, (tag, event, number, _) in enumerate(runs[0]):
        times_us = [run[position][3] for run in runs]
        if event != OPERATOR_EVENT:
            if last is None or number <= last:
                inside.append([])
            last = number
            inside[-1].append(len(made))
            made.append((tag, tag, times_us, True))
        elif number < len(own):  # the others are whole pieces, whose operators have events too
            last = None
            made.append((name_of[number], own[number]["op_name"], times_us, False))
    if pieces and not inside:
        raise JobError("no_profile", "LiteRT's profile does not look inside the delegate")
    if len(inside) == len(pieces):  # otherwise XNNPACK's own names are all that is known
        for piece, positions in zip(pieces, inside):
            computed = computed_by([made[p][0] for p in positions], piece, own, name_of)
            for position, (name, kind) in zip(positions, computed):
                made[position] = (name, kind, *made[position][2:])
    return [operator_time(*operator) for operator in made]


def operator_names(interpreter, own):
    """The name of the first output of each operator; None where it reads constants alone, e.g.
    float16 weights that are widened while the file is loaded."""
    tensors = {detail["index"]: detail["name"] for detail in interpreter.get_tensor_details()}
    computed = {detail["index"] for detail in interpreter.get_input_details()}
    names = []
    for operator in own:
        output = int(operator["outputs"][0])
        if computed.intersection(map(int, operator["inputs"])):
            computed.update(map(int, operator["outputs"]))
            names.append(tensors.get(output, str(output)))
        else:
            names.append(None)
    return names


def computed_by(tags, piece, own, name_of):
    """Name and kind for each of XNNPACK's operators ``tags`` in ``piece``, operators of the file.

    Several that XNNPACK has fused are joined, e.g. ADD+MUL; what XNNPACK adds keeps its own name.
    """
    running = [number for number in piece if name_of[number] is not None]
    found = aligned([own[number]["op_name"] for number in running], tags)
    return [
        (name_of[running[members[-1]]], "+".join(own[running[m]]["op_name"] for m in members))
        if members
        else (tag, tag)
        for tag, members in zip(tags, found)
    ]
