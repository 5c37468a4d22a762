"""The registry of schemes: for each the function that makes its graph, all called the same way."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from models.command_line.errors import RequestError
from quantize.graph.graph import Graph
from quantize.passes import hard_swish
from quantize.ranges.calibration import Activation
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import float16, int8_dynamic, int16x8
from quantize.schemes.scheme import (
    FLOAT16,
    FLOAT32,
    INT8,
    INT8_DYNAMIC,
    INT8_PER_TENSOR,
    INT16X8,
    Scheme,
)


@dataclass(frozen=True)
class Made:
    """The graph of a .tflite file, and how it came about (``described``, JSON-able).

    ``kept_float``: output tensors of the layers that were to stay float.
    """

    graph: Graph
    described: dict = field(default_factory=dict)
    kept_float: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Material:
    """The material of every scheme: the float ``graph``, the ``statistics`` of a graph on the
    calibration images, and the ``search`` for the cheapest method that is good enough.
    """

    graph: Graph
    statistics: Callable[[Graph], dict[str, Activation]]
    search: Callable[[Scheme], Made]

    @property
    def h_swish(self) -> str:
        """The fate of h-swish where it is not lowered."""
        return "kept" if "HARD_SWISH" in self.graph.op_histogram else "none"


def _float32(material: Material) -> Made:
    return Made(material.graph)


def _float16(material: Material) -> Made:
    found = float16.unfit(material.graph)
    return Made(float16.quantize(material.graph), warnings=(found,) if found else ())


def _int8(material: Material) -> Made:
    return material.search(INT8)


def _int8_per_tensor(material: Material) -> Made:
    return material.search(INT8_PER_TENSOR)


def _int8_dynamic(material: Material) -> Made:
    return Made(int8_dynamic.quantize(material.graph), {"h_swish": material.h_swish})


def _int16x8(material: Material) -> Made:
    """h-swish is lowered, although LiteRT on a CPU then takes 1.0 to 1.2 times as long (V3 at 224).

    It has no int16 kernel. Between DEQUANTIZE and QUANTIZE it would be float, which the
    accelerators that int16x8 is for cannot run at all; on a CPU, where XNNPACK takes no int16,
    either form takes some 30 to 40 times as long as float32.
    """
    lowered = hard_swish.lower(material.graph)
    made = int16x8.quantize(lowered, choose_ranges(lowered, material.statistics(lowered)))
    return Made(made, {"h_swish": "none" if material.h_swish == "none" else "lowered"})


SCHEMES: dict[Scheme, Callable[[Material], Made]] = {
    FLOAT32: _float32,
    FLOAT16: _float16,
    INT8: _int8,
    INT8_PER_TENSOR: _int8_per_tensor,
    INT8_DYNAMIC: _int8_dynamic,
    INT16X8: _int16x8,
}
ALWAYS = (FLOAT32, FLOAT16, INT8)
FURTHER = tuple(scheme for scheme in SCHEMES if scheme not in ALWAYS)


def make(schemes: Iterable[Scheme], material: Material) -> dict[Scheme, Made]:
    """Each of ``schemes``, made of ``material``, in that order."""
    return {scheme: SCHEMES[scheme](material) for scheme in schemes}


def parse(schemes: str) -> tuple[Scheme, ...]:
    """The schemes to make: those always made, and the comma-separated ones that are asked for.

    RequestError for a name that is unknown, given twice, or always made.
    """
    known = {scheme.name: scheme for scheme in FURTHER}
    asked = schemes.split(",") if schemes else []
    expected = f"expected some of {','.join(known)}, comma-separated, or nothing"
    always = [scheme.name for scheme in ALWAYS]
    for name in asked:
        if name in always:
            raise RequestError(f"SCHEMES has {name!r}, which is always made; {expected}")
        if name not in known:
            raise RequestError(f"SCHEMES has {name!r}; {expected}")
        if asked.count(name) > 1:
            raise RequestError(f"SCHEMES has {name!r} twice; {expected}")
    return (*ALWAYS, *(scheme for name, scheme in known.items() if name in asked))
