"""The times of an emulated device are marked wherever they are shown, and enter nothing else."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import report_records
from bench_runs import QUICK
from made_records import HOST, result, timed_record
from report_records import hot

from bench.__main__ import main
from bench.console import record_table
from bench.devices.host import Host
from bench.gates import size_gate, speedup_gate
from bench.gates.limits import Limits
from bench.gates.next_steps import NextSteps
from bench.history.history import History
from bench.measurement.flat_record import as_json
from bench.measurement.plan import PLANS
from bench.report.contents import Contents, RowKey
from bench.report.distribution_chart import distributions
from bench.report.history_chart import history
from bench.report.page import page
from bench.report.pareto import pareto, points
from bench.report.rows import HEADINGS, rows
from bench.report.sustained_chart import pace, sustained

pytestmark = pytest.mark.waits

EMULATED = replace(HOST, emulated=True)
TURNS = [[2_000_000, 2_100_000]] * 20


def measured(artifact="int8.tflite", environment=EMULATED, **more):
    times = result(TURNS, peak_rss_bytes=2**30)
    return timed_record(artifact, environment=environment, kind="run", result=times, **more)


@pytest.fixture
def emulated_host(monkeypatch):
    """This machine says that it is emulated."""
    tell = Host.environment
    monkeypatch.setattr(Host, "environment", lambda host: replace(tell(host), emulated=True))


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A history with two runs of an emulated device."""
    monkeypatch.chdir(tmp_path)
    for artifact in ("float32.tflite", "int8.tflite"):
        History().append(measured(artifact, time_utc="2026-01-01T00:00:00+00:00"))


def shown(capsys, *arguments):
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_each_row_of_a_bench_is_marked_and_has_no_ratio(
    tiny_project, keras_predictions, emulated_host, capsys
):
    asked = "run", "--model", "tiny.keras", "--data", "data.npz", "--runtimes", "litert"
    lines = shown(capsys, *asked).splitlines()
    end = lines.index("(emulated): the processor is; these times say nothing about any device")
    marked = [line.split() for line in lines[:end] if "litert" in line]
    assert [row[0] for row in marked] == ["float32.tflite", "int8.tflite"]
    for row in marked:
        assert row[-2] == "(emulated)" and len(row) == 6  # no ratio
    assert not any(line.startswith("vs float32:") for line in lines)
    assert any(line.startswith("warning emulated: all rows") for line in lines)


def test_a_row_for_programs_says_so_and_has_no_ratio():
    base, row = measured("float32.tflite"), measured()
    made = as_json(row, base)
    assert made["emulated"] and made["median_ms"] and made["ratio"] is made["ratio_to"] is None
    real = measured("float32.tflite", HOST), measured(environment=HOST)
    assert not as_json(*real)["emulated"] and as_json(*real)["ratio"] == 1


def test_a_row_of_markdown_is_marked():
    row = record_table.markdown([measured()]).splitlines()[-1]
    assert "| 2.05 (emulated) |" in row and "| 2.10 (emulated) |" in row
    assert "emulated" not in record_table.markdown([measured(environment=HOST)])


def test_a_list_has_no_times(kept, capsys):
    lines = shown(capsys, "list").splitlines()[2:]
    assert len(lines) == 2 and all(" emulated" in line and "2.05" not in line for line in lines)
    runs = json.loads(shown(capsys, "list", "--json"))["runs"]
    assert [(run["emulated"], run["latency"]) for run in runs] == [(True, None)] * 2


def test_a_comparison_has_no_times(kept, capsys):
    History().add_accuracy(replace(evaluated(History().get(1)), id=1))
    History().add_accuracy(replace(evaluated(History().get(2)), id=2))
    out = shown(capsys, "compare", "1", "2")
    median = next(line for line in out.splitlines() if line.startswith("median ms"))
    assert median.split()[-2:] == ["emulated"] * 2 and "2.05" not in out
    assert json.loads(shown(capsys, "compare", "1", "2", "--json"))["ratio"] is None


def evaluated(record):
    from history_records import ACCURACY

    return replace(record, data="demo", accuracy=ACCURACY)


def test_what_is_shown_of_one_run_is_marked(kept, capsys):
    assert "times, of an emulated processor: they mean nothing\n" in shown(capsys, "show", "1")


def test_a_spreadsheet_has_a_column_of_it(kept, capsys):
    (row, _) = csv.DictReader(io.StringIO(shown(capsys, "export", "--csv")))
    assert row["emulated"] == "True"


NEXT = NextSteps("make baseline", "make baseline PLAN=thorough", "make gate PLAN=thorough")


def test_the_gates_of_speed_and_memory_are_skipped():
    asked = Limits(
        min_speedup={"int8.tflite": 100.0},
        max_memory_ratio=0.001,
        max_memory_mib=1,
        max_size_ratio=2,
    )
    records = {name: measured(name) for name in ("float32.tflite", "int8.tflite")}
    found = [*speedup_gate.check(records, asked, NEXT), *size_gate.check(records, asked)]
    assert {(row.gate, row.outcome) for row in found} == {
        ("speed-up", "skipped"), ("memory", "skipped"), ("size", "passed")
    }  # fmt: skip
    assert all("emulated" in row.detail for row in found if row.outcome == "skipped")
    assert speedup_gate.inconclusive(records, asked) == []


def test_a_baseline_is_refused(tiny_project, emulated_host, monkeypatch, capsys):
    monkeypatch.setitem(PLANS, "gate", QUICK)
    assert main(["baseline", "--model", "tiny.keras", "--data", "data.npz"]) == 2
    assert "DEVICE=host is emulated" in capsys.readouterr().err
    assert History().listing(None) == [] and not list(tiny_project.glob("results/baseline/*"))


def reported(environment):
    return report_records.record(np.random.default_rng(1), environment=environment)


@pytest.mark.parametrize(
    "chart",
    [
        lambda one: pareto([one]),
        lambda one: points([one]) or None,
        lambda one: distributions([one]),
        lambda one: sustained([hot(one)]),
        lambda one: pace(hot(one)),
    ],
    ids=["pareto", "points", "distributions", "sustained", "pace"],
)
def test_no_chart_of_the_report_has_its_times(chart):
    assert chart(reported(HOST)) is not None and chart(reported(EMULATED)) is None


def test_the_history_of_a_device_has_its_real_times_alone(tmp_path):
    records = History(tmp_path / "bench.sqlite")
    for environment in (HOST, EMULATED, HOST):
        records.append(measured(environment=environment, commit="1"))
    line = records.listing(None)[::-1]
    assert len(history([line]).views[0].data[0]["y"]) == 2
    assert history([line[:2]]) is None


def test_a_row_of_the_report_is_marked_and_not_sorted_by():
    (row,) = rows([reported(EMULATED)])
    cells = {heading: cell for (heading, _), cell in zip(HEADINGS, row.cells, strict=True)}
    for heading in ("median", "p90"):
        assert cells[heading].text.endswith(" (emulated)") and cells[heading].sorts_by is None
    assert cells["95 % interval"].text == "n/a" and cells["top-1"].text != "n/a"


def test_the_report_says_why_there_is_no_chart():
    one = reported(EMULATED)
    text = page(Contents((one,), {RowKey.of(one): ()}, sustained=(hot(one),)))
    assert "The processor of host is emulated" in text and "<h4>Sustained</h4>" not in text
    assert "is emulated" not in page(Contents((reported(HOST),)))
