"""The raw samples of every row, as boxes with the samples themselves over them."""

from collections.abc import Sequence

from bench.measurement.record import Record
from bench.report import chart
from bench.report.chart import Chart, View
from bench.report.contents import RowKey

SHOWN_SAMPLES = 300
ROW_PX = 46


def distributions(records: Sequence[Record]) -> Chart | None:
    """A box a record, the first on top; None where nothing was timed, on no emulated device."""
    timed = [r for r in records if r.result.samples_ns and not r.environment.emulated]
    if not timed:
        return None
    threads = chart.several_threads(map(RowKey.of, timed))
    traces, every = [], []
    for record in reversed(timed):  # Plotly stacks from below
        shown = chart.thinned(record.result.samples_ns, SHOWN_SAMPLES) / 1e6
        every += [shown[0], shown[-1]]
        key = RowKey.of(record)
        name = chart.label(key, threads, "<br>")
        traces.append(
            {
                "type": "box",
                "orientation": "h",
                "name": name,
                "x": chart.rounded(shown, 4),
                "y": [name] * len(shown),
                "boxpoints": "all",
                "jitter": 0.7,
                "pointpos": 0,
                "whiskerwidth": 0.4,
                "line": {"color": chart.colour(key), "width": 1.5},
                "fillcolor": "rgba(0,0,0,0)",
                "marker": {"size": 3, "opacity": 0.35, "color": chart.colour(key)},
                "hoveron": "boxes",
                "hoverinfo": "x",
            }
        )
    layout = {
        "xaxis": chart.latency_axis(every, "latency of each inference, ms"),
        "yaxis": {"automargin": True, "showgrid": False},
        "showlegend": False,
    }
    return Chart((View("", traces, layout),), height_px=90 + ROW_PX * len(timed))
