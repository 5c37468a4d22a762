"""How the median of every row moved from measurement to measurement and commit to commit."""

from collections.abc import Sequence

from bench import chart
from bench.chart import Chart, View
from bench.record import Record
from bench.statistics import latency

Timed = list[tuple[Record, object]]


def history(lines: Sequence[Sequence[Record]]) -> Chart | None:
    """A line for each of ``lines``, records of one row, oldest first; None where none has two."""
    threads = chart.several_threads(record for line in lines for record in line)
    timed = [_timed(line) for line in lines]
    timed = [line for line in timed if line]
    if not any(len(line) > 1 for line in timed):
        return None
    every = [warm.median_ns / 1e6 for line in timed for _, warm in line]
    latency_axis = chart.latency_axis(every, "median latency, ms")

    def view(label: str, place, axis: dict, relative: bool = False) -> View:
        traces = [_trace(line, list(map(place, line)), threads, relative) for line in timed]
        of_change = {"title": {"text": "median latency against the first, %"}}
        layout = {
            "xaxis": axis,
            "yaxis": of_change if relative else latency_axis,
            "showlegend": True,
        }
        return View(label, traces, layout)

    def time(measured) -> str:
        return measured[0].time_utc

    def at_commit(measured) -> str:
        return commit(measured[0])

    in_order = dict.fromkeys(
        commit(record)
        for record in sorted((r for line in timed for r, _ in line), key=lambda r: r.time_utc)
    )
    of_commits = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(in_order),
        "title": {"text": "commit, oldest first"},
    }
    return Chart(
        (
            view("by time", time, {"type": "date", "title": {"text": "time, UTC"}}),
            view("by commit", at_commit, of_commits),
            view("change", at_commit, of_commits, relative=True),
        )
    )


def commit(record: Record) -> str:
    """The commit in short, "+" behind it where files had changed; escaped."""
    if record.commit is None:
        return "no commit"
    return chart.text(record.commit[:8] + ("+" if record.commit.endswith("+") else ""))


def _timed(line: Sequence[Record]) -> Timed:
    found = [(r, latency(r.result.samples_ns, r.result.turns)) for r in line]
    return [(record, warm) for record, warm in found if warm]


def _trace(line: Timed, places: list[str], threads: bool, relative: bool) -> dict:
    record, first_ns = line[-1][0], line[0][1].median_ns
    unit = first_ns / 100 if relative else 1e6
    origin = first_ns if relative else 0.0
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": chart.label(record, threads),
        "x": places,
        "y": chart.rounded((warm.median_ns - origin) / unit for _, warm in line),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": chart.rounded((w.interval.high - w.median_ns) / unit for _, w in line),
            "arrayminus": chart.rounded((w.median_ns - w.interval.low) / unit for _, w in line),
            "thickness": 1,
            "width": 3,
        },
        "line": {"color": chart.colour(record), "dash": chart.line_dash(record), "width": 1.5},
        "marker": {"size": 7, "symbol": chart.symbol(record)},
        "hoverinfo": "text",
        "hovertext": [_hover(one, warm, threads) for one, warm in line],
    }


def _hover(record: Record, warm, threads: bool) -> str:
    low, high = warm.interval.low / 1e6, warm.interval.high / 1e6
    return chart.hover(
        f"<b>{chart.label(record, threads)}</b>",
        f"median {warm.median_ns / 1e6:.3g} ms ({low:.3g} to {high:.3g}), n = {warm.n}",
        f"{chart.text(record.time_utc)}, {commit(record)}",
        *([chart.text(", ".join(c.kind for c in record.caveats))] if record.caveats else ()),
    )
