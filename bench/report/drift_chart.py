"""The drift matrix as heat maps: Keras and every artifact, runtime and device."""

from collections.abc import Callable, Sequence

from bench.measurement.record import Drift
from bench.report import chart
from bench.report.chart import Chart, View

CELL_PX, LABEL_PX = 46, 210
FILE_AND_RUNTIME = 2  # words of a column's name in front of its device's
BEST_SHOWN_DB = 60.0  # above it differences do not change a prediction
# Where predictions differ is what a reader looks for; the page shines through the rest.
SCALE = [[0.0, "rgba(229,138,46,0.62)"], [1.0, "rgba(229,138,46,0.04)"]]


def drift_matrix(drifts: Sequence[Drift]) -> Chart | None:
    """A heat map of agreement where the outputs are classes, another of SQNR; None where there are
    no pairs."""
    if not drifts:
        return None
    names = list(dict.fromkeys(name for drift in drifts for name in (drift.a, drift.b)))
    pairs = {frozenset((drift.a, drift.b)): drift for drift in drifts}
    shown = [f"{i + 1}  {chart.text(name)}" for i, name in enumerate(without_device(names))]
    numbers = [str(i + 1) for i in range(len(names))]

    def view(label: str, figure: Callable, cell: Callable, low: float, high: float) -> View:
        def row(a, make, itself):
            return [itself if a == b else make(pairs.get(frozenset((a, b)))) for b in names]

        heat = {
            "type": "heatmap",
            "x": numbers,
            "y": shown,
            "z": [row(a, figure, None) for a in names],
            "text": [row(a, cell, "") for a in names],
            "texttemplate": "%{text}",
            "textfont": {"color": "@text"},
            "hoverinfo": "text",
            "hovertext": [row(a, _hover, chart.text(a)) for a in names],
            "colorscale": SCALE,
            "zmin": low,
            "zmax": high,
            "xgap": 2,
            "ygap": 2,
            "showscale": False,
        }
        return View(label, [heat], _layout())

    views = [view("SQNR, dB", _sqnr, _sqnr_text, 10.0, BEST_SHOWN_DB)]
    shares = [drift.agreement for drift in drifts if drift.agreement is not None]
    if shares:
        low = min(100 * min(shares), 99.0)
        views.insert(0, view("agreement, %", _agreement, _agreement_text, low, 100.0))
    return Chart(
        tuple(views),
        height_px=70 + (CELL_PX - 14) * len(names),
        min_width_px=LABEL_PX + CELL_PX * len(names),
    )


def without_device(names: Sequence[str]) -> list[str]:
    """Column names without the device where it is the same in all. It is what follows the file and
    the runtime, and may have spaces in it."""
    parts = [name.split(" ", FILE_AND_RUNTIME) for name in names]
    devices = {part[-1] for part in parts if len(part) > FILE_AND_RUNTIME}
    return [" ".join(part[:FILE_AND_RUNTIME]) for part in parts] if len(devices) == 1 else [*names]


def _layout() -> dict:
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True, "type": "category"}
    return {
        "xaxis": {**plain, "side": "top"},
        "yaxis": {**plain, "autorange": "reversed", "automargin": True},
        "showlegend": False,
    }


def _agreement(drift: Drift | None) -> float | None:
    return None if drift is None or drift.agreement is None else 100 * drift.agreement


def _agreement_text(drift: Drift | None) -> str:
    share = _agreement(drift)
    return "" if share is None else f"{share:.1f}"


def _sqnr(drift: Drift | None) -> float | None:
    if drift is None:
        return None
    return BEST_SHOWN_DB if drift.sqnr_db is None else min(drift.sqnr_db, BEST_SHOWN_DB)


def _sqnr_text(drift: Drift | None) -> str:
    if drift is None:
        return ""
    return "∞" if drift.sqnr_db is None else f"{drift.sqnr_db:.0f}"


def _hover(drift: Drift | None) -> str:
    if drift is None:
        return "not compared"
    sqnr = "no difference" if drift.sqnr_db is None else f"SQNR {drift.sqnr_db:.1f} dB"
    between = f"<b>{chart.text(drift.a)}</b>", f"<b>{chart.text(drift.b)}</b>"
    values = f"{sqnr}, cosine {drift.cosine:.6f}"
    if drift.agreeing is None:
        return chart.hover(*between, values)
    return chart.hover(
        *between,
        f"same prediction on {drift.agreeing} of {drift.images} images",
        values,
        f"softmax change: mean {drift.mean_softmax_change:.2g}, "
        f"worst {drift.worst_softmax_change:.2g}",
    )
