"""The schemes that SCHEMES can ask for beside those that are always made, and what makes them."""

from collections.abc import Callable

from models.errors import RequestError
from quantize import hard_swish, int8_dynamic, int16x8, ranges
from quantize.graph import Graph
from quantize.rungs import Calibration
from quantize.scheme import INT8_DYNAMIC, INT16X8, SCHEMES, Scheme


def _int8_dynamic(graph: Graph, calibration: Calibration) -> Graph:
    return int8_dynamic.quantize(graph)


def _int16x8(graph: Graph, calibration: Calibration) -> Graph:
    """h-swish is lowered, although LiteRT on a CPU then takes 1.0 to 1.2 times as long (V3 at 224).

    It has no int16 kernel. Between DEQUANTIZE and QUANTIZE it would be float, which the
    accelerators that int16x8 is for cannot run at all; on a CPU, where XNNPACK takes no int16,
    either form takes some 30 to 40 times as long as float32.
    """
    lowered = hard_swish.lower(graph)
    statistics = calibration.statistics(lowered)
    return int16x8.quantize(lowered, ranges.choose(lowered, statistics))


# One row for each: from the float graph and the calibration images to the graph of the file.
FURTHER: dict[Scheme, Callable[[Graph, Calibration], Graph]] = {
    INT8_DYNAMIC: _int8_dynamic,
    INT16X8: _int16x8,
}


def parse(schemes: str) -> tuple[Scheme, ...]:
    """The further schemes that ``schemes`` names, by commas, in the order of FURTHER.

    RequestError for a name that is unknown, given twice, or always made.
    """
    known = {scheme.name: scheme for scheme in FURTHER}
    asked = schemes.split(",") if schemes else []
    expected = f"expected some of {','.join(known)}, by commas, or nothing"
    always = [scheme.name for scheme in SCHEMES]
    for name in asked:
        if name in always:
            raise RequestError(f"SCHEMES has {name!r}, which is always made; {expected}")
        if name not in known:
            raise RequestError(f"SCHEMES has {name!r}; {expected}")
        if asked.count(name) > 1:
            raise RequestError(f"SCHEMES has {name!r} twice; {expected}")
    return tuple(scheme for name, scheme in known.items() if name in asked)
