"""The median of every row over its measurements and commits."""

from collections.abc import Callable, Sequence

from bench.history.run_line import RunLine
from bench.report import chart
from bench.report.chart import Chart, View
from bench.report.contents import RowKey

COMMIT_CHARACTERS = 8


def history(lines: Sequence[Sequence[RunLine]]) -> Chart | None:
    """A line for each of ``lines``, runs of one row, oldest first; None where none has two."""
    lines = [[run for run in line if run.latency] for line in lines]
    lines = [line for line in lines if line]
    if not any(len(line) > 1 for line in lines):
        return None
    threads = chart.several_threads(RowKey.of(line[0]) for line in lines)
    of_latency = chart.latency_axis(
        [run.latency.median_ns / 1e6 for line in lines for run in line], "median latency, ms"
    )
    of_change = {"title": {"text": "median latency against the first, %"}}
    of_time = {"type": "date", "title": {"text": "time, UTC"}}

    def view(label: str, place: Callable[[RunLine], str], x: dict, relative: bool) -> View:
        traces = [_trace(line, [place(run) for run in line], threads, relative) for line in lines]
        y = of_change if relative else of_latency
        return View(label, traces, {"xaxis": x, "yaxis": y, "showlegend": True})

    return Chart(
        (
            view("by time", lambda run: run.time_utc, of_time, False),
            view("by commit", commit, _commits(lines), False),
            view("change", commit, _commits(lines), True),
        )
    )


def commit(run: RunLine) -> str:
    """The commit in short, "+" after it where files had changed; escaped."""
    if run.commit is None:
        return "no commit"
    changed = "+" if run.commit.endswith("+") else ""
    return chart.text(run.commit.removesuffix("+")[:COMMIT_CHARACTERS] + changed)


def _commits(lines: Sequence[Sequence[RunLine]]) -> dict:
    """An axis of commits, in the order in which they were first measured."""
    in_order = sorted((run for line in lines for run in line), key=lambda run: run.id)
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(dict.fromkeys(map(commit, in_order))),
        "title": {"text": "commit, oldest first"},
    }


def _trace(line: Sequence[RunLine], places: list[str], threads: bool, relative: bool) -> dict:
    key, found = RowKey.of(line[0]), [run.latency for run in line]
    unit = found[0].median_ns / 100 if relative else 1e6
    origin = found[0].median_ns if relative else 0.0
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": chart.label(key, threads),
        "x": places,
        "y": chart.rounded((one.median_ns - origin) / unit for one in found),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": chart.rounded((one.interval.high - one.median_ns) / unit for one in found),
            "arrayminus": chart.rounded((one.median_ns - one.interval.low) / unit for one in found),
            "thickness": 1,
            "width": 3,
        },
        "line": {"color": chart.colour(key), "dash": chart.line_dash(key), "width": 1.5},
        "marker": {"size": 7, "symbol": chart.symbol(key)},
        "hoverinfo": "text",
        "hovertext": [_hover(run, chart.label(key, threads)) for run in line],
    }


def _hover(run: RunLine, name: str) -> str:
    warm = run.latency
    low, high = warm.interval.low / 1e6, warm.interval.high / 1e6
    return chart.hover(
        f"<b>{name}</b>",
        f"median {warm.median_ns / 1e6:.3g} ms ({low:.3g} to {high:.3g}), n = {warm.n}",
        f"{chart.text(run.time_utc)}, {commit(run)}",
        *([chart.text(", ".join(run.warnings))] if run.warnings else ()),
    )
