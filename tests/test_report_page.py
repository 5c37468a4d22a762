"""The report's page: figures from the samples, the front, escaped names, charts Plotly accepts."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from report_records import MACHINE, NOISY, ROWS, contents, drifts_of, hot, record, run_line

from bench.measurement.accuracy import Accuracy
from bench.measurement.latency import latency
from bench.measurement.result import Result, RunError
from bench.report import chart
from bench.report.contents import Contents, RowKey
from bench.report.distribution_chart import distributions
from bench.report.drift_chart import drift_matrix
from bench.report.history_chart import history
from bench.report.page import described, page
from bench.report.pareto import Point, front, points
from bench.report.rows import HEADINGS, in_order, rows
from bench.report.sustained_chart import pace, sustained

HOSTILE = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "</script><b>%{x} &lt; Blütenstaub 花 'quoted' $x$ {{ 1 }}",
)


@pytest.fixture
def noise():
    return np.random.default_rng(3)


class Elements(HTMLParser):
    """The elements of a page and its text, scripts apart."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.scripts = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def charts_of(html):
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', html, re.S)
    return json.loads(found[1])


def hostile_contents():
    """Every name that comes from outside is HTML of someone else's."""
    script, image, mixed = HOSTILE
    made = contents(models=(script,), devices=(image,))
    warning = replace(NOISY, kind=image, message=script, advice=mixed)

    def spoil(one):
        result = replace(one.result, runtime=script)
        if one.result.error:
            result = replace(result, error=RunError("crashed", mixed))
        return replace(
            one, artifact=mixed, command=mixed, commit=image, data=script, result=result,
            warnings=(warning,), environment=replace(one.environment, cpu_model=image),
        )  # fmt: skip

    newest = tuple(map(spoil, made.records))
    histories = {RowKey.of(newest[0]): tuple(map(run_line, newest[:2], range(2)))}
    drifts = tuple(replace(drift, a=script, b=mixed) for drift in made.drifts)
    pictures = {script: f"<svg><script>{script}</script></svg>"}
    return Contents(newest, histories, drifts, tuple(map(spoil, made.sustained)), pictures)


def test_the_table_has_the_figures_of_the_samples(noise):
    measured = record(noise)
    (row,) = rows([measured])
    cells = {name: cell.text for (name, _), cell in zip(HEADINGS, row.cells, strict=True)}
    times_ms = np.asarray(measured.result.samples_ns) / 1e6
    assert cells["median"] == f"{np.median(times_ms):.3f}"
    assert cells["p90"] == f"{np.percentile(times_ms, 90):.3f}"
    warm = latency(measured.result.samples_ns, measured.result.turns)
    interval = f"{warm.interval.low / 1e6:.3f} to {warm.interval.high / 1e6:.3f}"
    assert cells["95 % interval"] == interval
    assert (cells["top-1"], cells["top-5"], cells["agreement"]) == ("92.10", "99.70", "100.00")
    assert (cells["size"], cells["memory"], cells["images"]) == ("1,651", "90", "1,000")
    assert (cells["delegated"], cells["warnings"]) == ("29 of 30", "not-delegated")
    assert interval in page(Contents((measured,)))


def test_rows_are_in_the_order_of_export(noise):
    mixed = [record(noise, ROWS[i]) for i in (8, 3, 2, 6, 1, 0, 7)]
    further = record(noise, ("int16x8.tflite", "litert", 1, 1, 1))
    found = [(r.artifact, r.result.runtime) for r in in_order([further, *mixed])]
    wanted = [ROWS[i][:2] for i in (0, 1, 2, 3)] + [("int16x8.tflite", "litert")]
    assert found == wanted + [ROWS[i][:2] for i in (6, 7, 8)]


def test_a_row_that_failed_shows_its_error(noise):
    error = RunError("timed_out", "no result within 9 s")
    failed = record(noise, result=Result("litert", threads=2, error=error), accuracy=None)
    (row,) = rows([failed])
    assert len(row.cells) == 3 and row.error == "timed out: no result within 9 s"
    assert "timed out: no result within 9 s" in Elements(page(Contents((failed,)))).text


def test_what_is_not_known_is_reported_and_sorts_last(noise):
    bare = replace(record(noise).result, delegate=None, peak_rss_bytes=None)
    (row,) = rows([record(noise, result=bare, accuracy=None)])
    cells = {name: cell for (name, _), cell in zip(HEADINGS, row.cells, strict=True)}
    for name in ("top-1", "top-5", "agreement", "images", "memory", "delegated"):
        assert (cells[name].text, cells[name].sorts_by) == ("n/a", None)


def point(noise, latency_ms, top1, size, **fields):
    accuracy = Accuracy(1000, round(1000 * top1), None)
    one = record(noise, accuracy=accuracy, artifact_bytes=size, **fields)
    times = (round(1e6 * latency_ms),) * 9
    return replace(one, result=replace(one.result, samples_ns=times, turns=()))


def test_the_front_are_the_points_that_none_beats(noise):
    found = points(
        [
            point(noise, 2, 0.90, 100),
            point(noise, 2, 0.90, 101),  # as the first, and larger
            point(noise, 1, 0.80, 300),  # the fastest
            point(noise, 9, 0.95, 300),  # the most accurate
            point(noise, 9, 0.70, 50),  # the smallest
            point(noise, 9, 0.94, 300),  # beaten
            point(noise, 99, 0.60, 900, device="slow"),  # alone there
            point(noise, 99, 0.60, 900, data="other images"),  # alone on those
        ]
    )
    assert all(type(one) is Point for one in found)
    assert front(found) == {0, 2, 3, 4, 6, 7}
    twins = points([point(noise, 1, 0.9, 9), point(noise, 1, 0.9, 9)])
    assert front(twins) == {0, 1}


def test_a_row_without_latency_or_top1_is_no_point(noise):
    unevaluated = record(noise, accuracy=Accuracy(10, None, 9))
    untimed = record(noise, result=Result("litert"))
    assert points([unevaluated, untimed, record(noise, accuracy=None)]) == []


def test_thinned_samples_keep_their_ends_and_quantiles(noise):
    many = noise.lognormal(0, 1, 100_001)
    few = chart.thinned(many, 301)
    assert len(few) == 301 and (few[0], few[-1]) == (many.min(), many.max())
    assert np.median(few) == np.median(many)
    assert np.percentile(few, 90) == pytest.approx(np.percentile(many, 90), rel=1e-3)
    assert chart.thinned([3, 1, 2], 300).tolist() == [1, 2, 3]


def test_a_matrix_has_each_pair_on_both_sides_of_its_diagonal(noise):
    made = [record(noise, row) for row in ROWS[:3]]
    pairs = list(drifts_of(made, noise))
    agreement, sqnr = drift_matrix(pairs).views
    values = np.array(agreement.data[0]["z"], float)
    assert values.shape == (4, 4) and np.isnan(np.diag(values)).all()
    assert np.array_equal(values, values.T, equal_nan=True)
    assert values[0, 3] == 100 * pairs[2].agreeing / 1000
    assert sqnr.data[0]["text"][1][2] == "∞"
    assert agreement.data[0]["y"][1] == "2  float32.tflite litert"
    elsewhere = [*pairs, replace(pairs[0], b="int8.onnx onnxruntime pi")]
    assert drift_matrix(elsewhere).views[0].data[0]["y"][1] == "2  float32.tflite litert host"
    assert drift_matrix([]) is None


def test_a_device_in_a_matrix_may_have_spaces_and_quotes_in_its_name(noise):
    first, second = (
        [replace(record(noise, row), device=device) for row in ROWS[:2]]
        for device in ('the "old" pi', 'the "new" pi')
    )
    (alone,) = {tuple(v.data[0]["y"]) for v in drift_matrix(list(drifts_of(first, noise))).views}
    assert alone == ("1  keras", "2  float32.tflite litert", "3  float32.tflite tflite-runtime")
    (both,) = {
        tuple(v.data[0]["y"]) for v in drift_matrix(list(drifts_of([*first, *second], noise))).views
    }
    assert both[1] == "2  " + chart.text('float32.tflite litert the "old" pi')


def test_history_goes_from_commit_to_commit_with_its_intervals(noise):
    line = [
        record(noise, commit=commit, time_utc=f"2026-01-0{day}T00:00:00+00:00")
        for day, commit in enumerate(("bbbbbbbbbbbb", "aaaaaaaaaaaa+", None), 1)
    ]
    runs = list(map(run_line, line, range(3)))
    by_time, by_commit, change = history([runs]).views
    assert by_time.data[0]["x"] == [one.time_utc for one in line]
    assert by_commit.data[0]["x"] == ["bbbbbbbb", "aaaaaaaa+", "no commit"]
    assert by_commit.layout["xaxis"]["categoryarray"] == ["bbbbbbbb", "aaaaaaaa+", "no commit"]
    warm = [latency(one.result.samples_ns, one.result.turns) for one in line]
    above = (warm[1].interval.high - warm[1].median_ns) / 1e6
    assert by_time.data[0]["error_y"]["array"][1] == pytest.approx(above, rel=1e-3)
    assert change.data[0]["y"][0] == 0
    moved = 100 * (warm[2].median_ns / warm[0].median_ns - 1)
    assert change.data[0]["y"][2] == pytest.approx(moved, rel=1e-3)
    assert history([runs[:1], runs[1:2]]) is None


def test_a_sustained_run_compares_its_first_minute_with_its_last(noise):
    slow = hot(record(noise), minutes=3, slowdown=1.0)
    found = pace(slow)
    assert (found.first.number, found.last.number) == (1, 3)
    assert found.change == pytest.approx((1 + 5 / 6) / (1 + 1 / 6) - 1, rel=1e-2)
    (line,) = sustained([slow]).views[0].data
    assert line["y"][0] == pytest.approx(8, rel=0.01) and line["y"][-1] == pytest.approx(
        16, rel=0.01
    )
    assert len(line["x"]) == 120 and line["x"] == sorted(line["x"]) and 2.9 < line["x"][-1] < 3
    assert "45.5 to 81.0" in page(Contents((), sustained=(slow,)))
    assert sustained([]) is None and pace(record(noise, result=Result("litert"))) is None


def test_threads_are_named_where_they_differ(noise):
    one = record(noise)
    four = replace(one, result=replace(one.result, threads=4))
    (name,) = (trace["name"] for trace in distributions([one]).views[0].data)
    assert name == "float32.tflite<br>litert"
    names = {trace["name"] for trace in distributions([one, four]).views[0].data}
    assert names == {f"{name}, 2 threads", f"{name}, 4 threads"}


def test_every_chart_is_one_that_plotly_accepts():
    import plotly.graph_objects as go

    html = page(contents())
    found = json.dumps(charts_of(html))
    assert found.count('"views"') == 12
    for name in ("text", "muted", "line", "page", "shade"):
        found = found.replace(f'"@{name}"', '"black"')
    for one in json.loads(found).values():
        for view in one["views"]:
            go.Figure(view["data"], view["layout"])


def test_names_from_outside_are_text_everywhere():
    html = page(hostile_contents())
    elements, plain = Elements(html), Elements(page(contents(models=("m",), devices=("d",))))
    assert elements.tags.count("script") == plain.tags.count("script") == 3
    assert elements.tags.count("b") == 0
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert all(name in elements.text for name in HOSTILE)
    assert "<" not in elements.scripts[0]
    charts = json.dumps(charts_of(html), ensure_ascii=False)
    assert "<script" not in charts and "<img" not in charts
    assert "&lt;script&gt;window.hacked=1&lt;/script&gt;" in charts and "花" in charts


def test_the_page_asks_for_nothing_from_elsewhere():
    html = page(contents())
    attributes = Elements(html).attributes
    asked = [value for name, value in attributes if name in ("src", "href", "srcset", "action")]
    assert asked and all(value.startswith(("#", "data:image/svg+xml")) for value in asked)
    policy = next(value for name, value in attributes if value and "default-src" in value)
    assert policy.startswith("default-src 'none';")
    assert len(html) < 3_500_000


def test_a_first_measurement_without_images_says_what_would_show_more(noise):
    text = Elements(page(Contents((record(noise, accuracy=None, warnings=()),)))).text
    for words in (
        "No row was both timed and evaluated", "One measurement of each row so far",
        "make quantize", "No run of minutes yet", "Not compared",
    ):  # fmt: skip
        assert words in text


def test_each_command_is_there_with_its_commit_and_rows(noise):
    here = record(noise, command="python -m bench run --model 'my model.keras'", commit="abc123")
    text = " ".join(Elements(page(Contents((here,)))).text.split())
    assert (
        "python -m bench run --model 'my model.keras' at commit abc123; "
        "float32.tflite in litert on host" in text
    )


def test_a_32_bit_program_on_a_64_bit_kernel_is_told_apart():
    pi = replace(MACHINE, architecture="armv7l", kernel_architecture="aarch64", os="Debian 12")
    assert "Debian 12, Linux 6.1 aarch64 with armv7l programs" in described(pi)
    same = replace(MACHINE, kernel_architecture="x86_64")
    assert described(same) == described(MACHINE) and "Linux 6.1 x86_64," in described(same)
