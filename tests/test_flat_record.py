"""One record has the same figures, under the same names, wherever it is shown."""

import csv
import io
import json
from dataclasses import replace

import pytest
from history_records import ACCURACY, record
from made_records import HOST, result

from bench.__main__ import main
from bench.console import record_table
from bench.history.history import History
from bench.measurement.flat_record import as_json, flat
from bench.measurement.result import Delegate
from bench.report.rows import HEADINGS, rows

MS = 1_000_000
RESULT = result(
    [[1 * MS, 2 * MS, 3 * MS, 4 * MS, 5 * MS]] * 20,
    load_ns=3_500_000,
    prepare_ns=4_250_000,
    first_inference_ns=9 * MS,
    peak_rss_bytes=40 * 2**20,
    delegate=Delegate(28, 2, {"SOFTMAX": 1, "RESHAPE": 2}),
)
MADE = record(result=RESULT, environment=HOST, id=1)
FLAT = {
    "id": 1,
    "time_utc": "2024-01-01T00:00:00+00:00",
    "kind": "run",
    "session": "s1",
    "commit": "0123abc+",
    "model_id": "tiny",
    "artifact": "int8.tflite",
    "artifact_sha256": "abc",
    "artifact_bytes": 640,
    "format": "tflite",
    "scheme": "int8",
    "runtime": "litert",
    "runtime_version": "2.3",
    "threads": 2,
    "device": "host",
    "cpu_model": "a processor",
    "emulated": False,
    "samples": 100,
    "median_ms": 3.0,
    "p10_ms": 1.0,
    "p90_ms": 5.0,
    "p99_ms": 5.0,
    "min_ms": 1.0,
    "mad_ms": 1.0,
    "median_low_ms": 3.0,
    "median_high_ms": 3.0,
    "precision": 0.0,
    "load_ms": 3.5,
    "prepare_ms": 4.25,
    "ready_ms": 7.75,
    "first_inference_ms": 9.0,
    "peak_rss_bytes": 40 * 2**20,
    "ops_in_delegate": 28,
    "ops_outside": 3,
    "outside_delegate": {"SOFTMAX": 1, "RESHAPE": 2},
    "data": "demo",
    "images": 30,
    "correct": 29,
    "top1": 29 / 30,
    "top5": 1.0,
    "agreement": 28 / 30,
    "sqnr_db": 31.25,
    "cosine": 0.999,
    "mean_softmax_change": 0.001,
    "worst_softmax_change": 0.5,
    "warnings": ["throttled", "noisy"],
    "error": None,
    "command": "python -m bench run",
}
# As a table has them; a heading means the same figure in every table.
SHOWN = {
    "model": "tiny",
    "device": "host",
    "file": "int8.tflite",
    "runtime": "litert",
    "threads": "2",
    "median": "3.00",
    "median ms": "3.00",
    "±": "0.0%",
    "95 % interval": "3.00 to 3.00",
    "p10": "1.00",
    "p90": "5.00",
    "p90 ms": "5.00",
    "p99": "5.00",
    "first": "9.00",
    "load": "3.50",
    "prepare": "4.25",
    "n": "100",
    "size": "1",  # KB
    "MiB": "40",
    "memory": "40",
    "images": "30",
    "top-1": "96.67",
    "top-5": "100.00",
    "agreement": "93.33",
    "SQNR dB": "31.2",
    "cosine": "0.999000",
    "mean change": "0.0010",
    "worst": "0.50",
    "time (UTC)": "2024-01-01T00:00:00+00:00",
}


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    History().append(MADE)


def printed(capsys, *argv):
    assert main(argv) == 0
    return capsys.readouterr().out


def test_a_record_is_one_flat_row():
    assert flat(MADE) == FLAT


def test_json_has_every_figure_and_its_old_names(kept, capsys):
    (row,) = json.loads(printed(capsys, "report", "--json"))["rows"]
    assert {name: row[name] for name in FLAT} == FLAT
    assert (row["bytes"], row["delegated"]) == (640, 28)
    assert (row["agreement_with_keras"], row["caveats"]) == (28 / 30, ["throttled", "noisy"])
    assert set(row) == {*as_json(MADE)}


def test_the_ratio_of_a_row_has_its_old_name_too():
    other = result([[(4 + n) * MS] * 5 for n in range(20)])
    row = as_json(record(result=other, environment=HOST), MADE)
    assert row["ratio"] == row["times"] == 4.5 and row["ratio_to"] == row["times_of"]
    assert (row["ratio_low"], row["ratio_high"]) == (row["times_low"], row["times_high"])
    assert row["ratio_low"] < row["ratio_high"] and row["ratio_to"] == "int8.tflite litert"
    assert row["ratio_in_turns"] is row["times_in_turns"] is True


def test_csv_has_every_figure(kept, capsys):
    (row,) = csv.DictReader(io.StringIO(printed(capsys, "export", "--csv")))
    assert row.pop("caveats") == row["warnings"] == "throttled noisy"
    assert row.pop("outside_delegate") == "SOFTMAX=1 RESHAPE=2"
    for name, value in FLAT.items():
        if name in row and name != "warnings":
            assert row[name] == ("" if value is None else str(value)), name
    assert {*row, "outside_delegate"} == set(FLAT)


def assert_shown(cells):
    """Each text of ``cells`` by heading, with a sign of per cent or without."""
    checked = {name for name in cells if name in SHOWN}
    assert {name: cells[name].rstrip("%") for name in checked} == {
        name: SHOWN[name].rstrip("%") for name in checked
    }
    return checked


def test_the_tables_of_a_bench_have_them(kept):
    heading, line, _ = record_table.latency_lines([MADE], MADE, wide=True)
    cells = {name: text(flat(MADE)) for name, text in record_table.FILE.items()}
    names = [*record_table.latency_cells(MADE, wide=True)]
    assert heading.split() == " ".join(names).split()
    texts = line.split()
    cells |= dict(zip([name for name in names if name != "95 %"], texts, strict=True))
    assert len(assert_shown(cells)) == 12 and cells["delegated"] == "28/31"
    table = record_table.AccuracyTable([("int8.tflite", "litert")], wide=True)
    cells = dict(zip(table.cells, table.line(MADE).split(), strict=True))
    assert len(assert_shown(cells)) == len(cells) == 10


def test_markdown_has_them(kept, capsys):
    heading, _, line = printed(capsys, "report", "--markdown").splitlines()
    names, texts = ([one.strip() for one in row.strip("|").split("|")] for row in (heading, line))
    cells = dict(zip(names, texts, strict=True))
    assert len(assert_shown(cells)) == len(cells) - 1 and cells["warnings"] == "throttled noisy"


def test_the_report_has_them():
    (row,) = rows([MADE])
    cells = {name: cell.text for (name, _), cell in zip(HEADINGS, row.cells, strict=True)}
    assert len(assert_shown(cells)) == len(cells) - 2
    assert (cells["delegated"], cells["warnings"]) == ("28 of 31", "throttled, noisy")


def test_show_has_the_times_before_the_first_inference(kept, capsys):
    lines = [line.split() for line in printed(capsys, "show", "1").splitlines()]
    for name, time in (("load", "3.500"), ("prepare", "4.250"), ("ready", "7.750")):
        (line,) = (line for line in lines if line[:2] == [name, "ms"])
        assert line[-1] == time


def test_a_runtime_that_prepares_while_it_opens_is_ready_then():
    row = flat(replace(MADE, result=replace(RESULT, prepare_ns=None)))
    assert (row["load_ms"], row["prepare_ms"], row["ready_ms"]) == (3.5, None, 3.5)
    row = flat(replace(MADE, result=replace(RESULT, load_ns=None, prepare_ns=None)))
    assert row["load_ms"] is row["ready_ms"] is None


def test_what_was_not_evaluated_has_no_figures_but_zero_images():
    row = flat(replace(MADE, accuracy=None, data=None))
    assert row["images"] == 0 and row["top1"] is row["agreement"] is row["correct"] is None


def test_a_default_table_fits_a_terminal():
    long = replace(MADE, artifact="int8-per-tensor.tflite", scheme="int8-per-tensor")
    long = replace(long, result=replace(RESULT, runtime="tflite-runtime"), accuracy=ACCURACY)
    beside = replace(long, result=result([[1 * MS, 2 * MS]] * 20, "tflite-runtime"))
    *lines, _ = record_table.latency_lines([long, beside], long)
    table = record_table.AccuracyTable([(long.artifact, "tflite-runtime")])
    assert max(map(len, [*lines, table.heading, table.line(long)])) <= 100
    assert "int8-per-tensor.tflite" in lines[1] and "int8-per-tensor.tflite" in table.line(long)
