"""The schemes that SCHEMES can ask for beside those that are always made, and what makes them."""

from collections.abc import Callable
from dataclasses import dataclass

from models.command_line.errors import RequestError
from quantize.graph.graph import Graph
from quantize.methods.methods import Calibration
from quantize.methods.search import Climb
from quantize.passes import hard_swish
from quantize.ranges import ranges
from quantize.schemes import int8_dynamic, int16x8
from quantize.schemes.scheme import INT8_DYNAMIC, INT8_PER_TENSOR, INT16X8, SCHEMES, Scheme


@dataclass(frozen=True)
class Made:
    """The graph of a .tflite file with integers in it, and how it came about (JSON-able).

    ``float_form``: the float graph behind it, for an ONNX file; None where there is no such file.
    ``kept_float``: output tensors of the layers that were to stay float.
    """

    graph: Graph
    described: dict
    float_form: Graph | None = None
    kept_float: frozenset[str] = frozenset()
    caveats: tuple[str, ...] = ()

    @classmethod
    def of(cls, climb: Climb) -> "Made":
        """What the ladder ended at."""
        return cls(
            climb.int8_graph,
            climb.described(),
            climb.graph,
            climb.stage.kept_float,
            climb.caveats(),
        )


@dataclass(frozen=True)
class Material:
    """What a scheme may be made of: the float graph, images, and the ladder for any scheme."""

    graph: Graph
    calibration: Calibration
    climb: Callable[[Scheme], Climb]

    @property
    def h_swish(self) -> str:
        """What became of h-swish where it is not lowered."""
        return "kept" if "HARD_SWISH" in self.graph.op_histogram else "none"


def _int8_per_tensor(material: Material) -> Made:
    return Made.of(material.climb(INT8_PER_TENSOR))


def _int8_dynamic(material: Material) -> Made:
    return Made(int8_dynamic.quantize(material.graph), {"h_swish": material.h_swish})


def _int16x8(material: Material) -> Made:
    """h-swish is lowered, although LiteRT on a CPU then takes 1.0 to 1.2 times as long (V3 at 224).

    It has no int16 kernel. Between DEQUANTIZE and QUANTIZE it would be float, which the
    accelerators that int16x8 is for cannot run at all; on a CPU, where XNNPACK takes no int16,
    either form takes some 30 to 40 times as long as float32.
    """
    lowered = hard_swish.lower(material.graph)
    statistics = material.calibration.statistics(lowered)
    made = int16x8.quantize(lowered, ranges.choose(lowered, statistics))
    return Made(made, {"h_swish": "none" if material.h_swish == "none" else "lowered"})


FURTHER: dict[Scheme, Callable[[Material], Made]] = {
    INT8_PER_TENSOR: _int8_per_tensor,
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
