"""Tables of what a network costs."""

from collections.abc import Iterator, Sequence

from bench.cost.layer_cost import FLOAT32_BYTES, POINTWISE, LayerCost, short_name
from bench.cost.network_cost import NetworkCost
from bench.cost.separable import SeparablePair
from models.command_line.columns import aligned

RULE = (
    "one MAC for each weight and output position; biases, activations, elementwise operators and "
    "pooling are none"
)
HEADING = ("layer", "kind", "output", "params", "MMACs", "KB in", "KB out", "MACs/byte", "int8")
KIND_HEADING = ("kind", "layers", "params", "", "MMACs", "", "KB moved", "")
PAIR_HEADING = ("depthwise", "1x1", "M", "N", "D", "MMACs", "standard", "ratio", "rule")
LOWERED = "HARD_SWISH"  # quantize.passes.hard_swish


def lines(cost: NetworkCost) -> Iterator[str]:
    """The layers, the kinds of layer, memory, and the same network of standard convolutions."""
    yield from _table([HEADING, *map(_layer, cost.layers), _total(cost)], (3, 4, 5, 6, 7))
    yield f"MMACs: millions of MACs; {RULE}"
    if cost.unknown_operators:
        yield f"MMACs: those of {', '.join(cost.unknown_operators)}, if any, are not counted"
    yield "bytes: float32, each tensor once, weights included; int8 moves a quarter"
    yield from _int8_notes(cost.layers)
    yield ""
    yield from _table([KIND_HEADING, *_kinds(cost)], range(1, 8))
    yield ""
    yield (
        f"1x1 convolutions: {cost.share_of_macs(POINTWISE):.1%} of the MACs, "
        f"{cost.share_of_parameters(POINTWISE):.1%} of the parameters"
    )
    yield from _peak(cost)
    yield ""
    yield from _standard(cost)


def _table(rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    return aligned(rows, right).splitlines()


def _layer(layer: LayerCost) -> tuple[str, ...]:
    return (
        layer.name,
        short_name(layer.kind),
        shape(layer.output_shape),
        f"{layer.parameters:,}",
        millions(layer.macs),
        kilobytes(layer.bytes_read(FLOAT32_BYTES)),
        kilobytes(layer.bytes_written(FLOAT32_BYTES)),
        f"{layer.intensity:.2f}",
        "yes" if layer.has_int8_kernel else "no",
    )


def _total(cost: NetworkCost) -> tuple[str, ...]:
    total = cost.total
    moved = total.bytes_moved(FLOAT32_BYTES)
    return (
        "total",
        f"{total.layers} layers",
        "",
        f"{total.parameters:,}",
        millions(total.macs),
        kilobytes(total.values_read * FLOAT32_BYTES),
        kilobytes(total.values_written * FLOAT32_BYTES),
        f"{total.macs / moved:.2f}" if moved else "",
        "",
    )


def _kinds(cost: NetworkCost) -> Iterator[tuple[str, ...]]:
    moved = cost.total.bytes_moved(FLOAT32_BYTES)
    for kind, total in cost.by_kind.items():
        here = total.bytes_moved(FLOAT32_BYTES)
        yield (
            kind,
            str(total.layers),
            f"{total.parameters:,}",
            f"{cost.share_of_parameters(kind):.1%}",
            millions(total.macs),
            f"{cost.share_of_macs(kind):.1%}",
            kilobytes(here),
            f"{here / moved:.1%}" if moved else "",
        )


def _int8_notes(layers: Sequence[LayerCost]) -> Iterator[str]:
    without = dict.fromkeys(layer.operator for layer in layers if not layer.has_int8_kernel)
    if LOWERED in without:
        yield f"int8: files of make export have ADD and MUL, which are int8, in place of {LOWERED}"
    if without:
        yield f"int8: LiteRT's XNNPACK has no int8 kernel for {', '.join(without)}: runs outside it"


def _peak(cost: NetworkCost) -> Iterator[str]:
    where = cost.layers[cost.peak.operator].name
    yield (
        f"peak activation memory: {kilobytes(cost.peak.bytes)} KB in float32, at {where}; "
        f"{kilobytes(cost.int8_peak_bytes)} KB in int8"
    )


def _standard(cost: NetworkCost) -> Iterator[str]:
    if not cost.pairs:
        yield "no depthwise separable convolutions to compare with standard ones"
        return
    yield (
        "with standard convolutions in place of the depthwise separable ones: "
        f"{millions(cost.standard_macs)} million MACs "
        f"({cost.standard_macs / cost.total.macs:.1f} times), {cost.standard_parameters:,} "
        f"parameters ({cost.standard_parameters / cost.total.parameters:.1f} times)"
    )
    yield from _table([PAIR_HEADING, *map(_pair, cost.pairs)], range(2, 9))
    yield "ratio: MACs counted over those of the standard convolution; rule: 1/N + 1/D^2"


def _pair(pair: SeparablePair) -> tuple[str, ...]:
    height, width = pair.kernel
    return (
        pair.depthwise.name,
        pair.pointwise.name,
        str(pair.channels_in),
        str(pair.channels_out),
        str(height) if height == width else f"{height}x{width}",
        millions(pair.macs),
        millions(pair.standard_macs),
        f"{pair.ratio:.4f}",
        f"{pair.rule:.4f}",
    )


def shape(sizes: Sequence[int]) -> str:
    """``112x112x32``: without the batch, which is one."""
    return "x".join(map(str, sizes[1:]))


def millions(count: int) -> str:
    """A number of MACs, in millions."""
    return f"{count / 1e6:,.2f}"


def kilobytes(size: int) -> str:
    return f"{size / 1000:,.1f}"
