"""A comparison of two networks as tables for a person, and as JSON."""

from dataclasses import asdict

from bench.cost.layer_time import KindTime
from bench.cost.roofline import PRECISIONS, Roofline
from bench.cost.versus import KindPair, Side, Versus
from bench.cost.versus_text import conclusion
from models.command_line.columns import aligned

NOT_KNOWN = "n/a"
WIDTH = 6  # of a figure
LEAST_SHARE = 0.8  # of an inference, that its operators add up to on a quiet machine
CEILINGS = ("", "GMAC/s", "ridge", "depthwise GMAC/s", "ridge", "elementwise Gvalues/s")
COLUMNS = ("layers", "MMACs", "MB moved", "predicted", "measured")


def ceilings(roofline: Roofline) -> list[str]:
    """Lines on what the device reaches."""
    rows = [CEILINGS, *(_ceiling(roofline, precision) for precision in PRECISIONS)]
    return [
        f"{roofline.device}, {roofline.threads} threads, measured just now: "
        f"{roofline.bytes_per_s / 1e9:.1f} GB/s; layers with fewer MACs for each byte "
        "than the ridge are memory-bound",
        *aligned(rows, range(1, len(CEILINGS))).splitlines(),
    ]


def _ceiling(roofline: Roofline, precision: str) -> tuple[str, ...]:
    found = roofline.ceilings[precision]
    return (
        precision,
        f"{found.macs_per_s / 1e9:.1f}",
        f"{roofline.ridge(precision):.2f}",
        f"{found.depthwise_macs_per_s / 1e9:.1f}",
        f"{roofline.depthwise_ridge(precision):.2f}",
        f"{found.elementwise_values_per_s / 1e9:.1f}",
    )


def text(versus: Versus) -> list[str]:
    """The table of one precision by kind, and the conclusion below it."""
    names, pairs = f"{versus.a.name} and {versus.b.name}", (*versus.kinds, versus.total)
    lines = [
        f"{versus.precision}.tflite of {names} in each column; times in ms, of one inference",
        *aligned([("", *COLUMNS), *map(_line, pairs)], range(1, 1 + len(COLUMNS))).splitlines(),
    ]
    for side in (versus.a, versus.b):
        lines += _of_the_whole(side, versus)
    return [*lines, *conclusion(versus)]


def _line(pair: KindPair) -> list[str]:
    a, b = _cells(pair.a), _cells(pair.b)
    return [pair.a.kind, *(f"{x:>{WIDTH}} {y:>{WIDTH}}" for x, y in zip(a, b, strict=True))]


def _cells(kind: KindTime) -> tuple[str, ...]:
    if not kind.layers and kind.measured_ns is None:
        return ("-",) * len(COLUMNS)
    measured = NOT_KNOWN if kind.measured_ns is None else f"{kind.measured_ns / 1e6:.2f}"
    return (
        str(kind.layers),
        f"{kind.macs / 1e6:.1f}",
        f"{kind.bytes_moved / 1e6:.2f}",
        f"{kind.predicted_ns / 1e6:.2f}",
        measured,
    )


def _of_the_whole(side: Side, versus: Versus) -> list[str]:
    about = f"{side.name}: {side.median_ns / 1e6:.2f} ms, median of {side.samples} inferences"
    share = side.operators_share(versus.precision)
    if share is None:
        return [f"{about}; operators not known"]
    lines = [f"{about} without the profiler; operators add up to {share:.0%} of that"]
    if not LEAST_SHARE <= share <= 1 / LEAST_SHARE:
        lines.append(
            f"note: that is not {side.name}'s time as a whole: the machine was disturbed between "
            "or within operators; the figures by kind are of the operators alone"
        )
    return lines


def as_dict(versus: Versus) -> dict:
    """The same for a program; times in milliseconds."""
    of = versus.ratio
    return {
        "precision": versus.precision,
        "ratio": {"value": of.value, "low": of.interval.low, "high": of.interval.high},
        "networks": [_side_dict(side, versus) for side in (versus.a, versus.b)],
        "answer": conclusion(versus),
    }


def _side_dict(side: Side, versus: Versus) -> dict:
    first = side is versus.a
    every = [pair.a if first else pair.b for pair in (*versus.kinds, versus.total)]
    return {
        "name": side.name,
        "median_ms": side.median_ns / 1e6,
        "samples": side.samples,
        "operators_share": side.operators_share(versus.precision),
        "kinds": [_in_ms(asdict(kind)) for kind in every],
        "layers": [
            {
                "name": layer.cost.name,
                "output": layer.cost.output,
                "kind": layer.cost.kind,
                "macs": layer.cost.macs,
                "bound": layer.predicted.bound,
                "predicted_ms": layer.predicted.time_ns / 1e6,
                "measured_ms": None if layer.measured_ns is None else layer.measured_ns / 1e6,
            }
            for layer in side.layers
        ],
    }


def _in_ms(figures: dict) -> dict:
    return {
        name.replace("_ns", "_ms"): (
            value / 1e6 if name.endswith("_ns") and value is not None else value
        )
        for name, value in figures.items()
    }


def roofline_dict(roofline: Roofline) -> dict:
    """The ceilings for a program, with the ridge points."""
    return {
        **asdict(roofline),
        "ridge_macs_per_byte": {p: roofline.ridge(p) for p in PRECISIONS},
        "depthwise_ridge_macs_per_byte": {p: roofline.depthwise_ridge(p) for p in PRECISIONS},
    }
