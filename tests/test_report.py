"""``bench report``: the history as one file, whole or not at all; Markdown and JSON of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from report_records import PICTURE, contents, drifts_of, hot, record
from test_report_page import Elements, charts_of

from bench.__main__ import main
from bench.history.history import History
from bench.report import page as report_page
from bench.report.contents import RowKey


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def history(here):
    """Two commits of two rows of two models on two devices; returns the newest of each row."""
    noise = np.random.default_rng(5)
    history = History()
    for commit in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        kept = []
        for model_id in ("v2-0.35-96-demo", "v1-0.25-96-demo"):
            for device in ("host", "pi"):
                fields = {"model_id": model_id, "device": device, "commit": commit}
                one = record(noise, session=f"{commit}-{model_id}", **fields)
                kept += [one, replace(one, result=replace(one.result, threads=4))]
        for one in kept:
            history.append(one)
    history.add_drift(list(drifts_of([one for one in kept if one.device == "host"][:1], noise)))
    return kept


def test_an_empty_history_says_what_to_type(here, capsys):
    assert main(["report"]) == 2
    output = capsys.readouterr().err
    assert "results/bench.sqlite has no measurement yet; run make bench first" in output
    assert not (here / "results").exists()


def test_the_report_is_a_file_whose_path_is_printed(history, here, capsys):
    assert main(["report"]) == 0
    assert capsys.readouterr().out.strip() == "results/report.html"
    html = (here / "results" / "report.html").read_text("utf-8")
    text = Elements(html).text
    for name in (
        "v2-0.35-96-demo",
        "v1-0.25-96-demo",
        "On host",
        "On pi",
        "at commit bbbbbbbbbbbb",
    ):
        assert name in text
    assert "aaaaaaaaaaaa" not in text
    charts = charts_of(html)
    assert '"categoryarray": ["aaaaaaaa", "bbbbbbbb"]' in json.dumps(charts)
    assert "float32.tflite litert, 4 threads" in json.dumps(charts)
    assert sorted(path.name for path in (here / "results").glob("*report*")) == ["report.html"]


def test_a_history_is_of_its_own_row_alone_oldest_first(history, here):
    from bench.report.report import collect

    made = collect(History(), History().newest(), here / "results")
    assert len(made.histories) == 8 == len(made.records)
    for key, line in made.histories.items():
        assert all(RowKey.of(run) == key for run in line)
        assert [run.commit for run in line] == ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]
    assert [(drift.a, drift.session) for drift in made.drifts] == [
        ("keras", "bbbbbbbbbbbb-v2-0.35-96-demo")
    ]


def test_of_two_sessions_the_later_says_how_far_this_machine_drifted(history, here):
    """A bench of the board alone has columns of this machine too; its rows are newer or older."""
    from bench.report.drift_chart import drift_matrix
    from bench.report.report import collect

    kept, noise = History(), np.random.default_rng(6)
    one = next(record for record in history if record.device == "host")
    for session, device, agreeing in (("t2", "host", 990), ("t1", "pi", 500)):
        kept.append(replace(one, session=session, device=device))
        (found,) = drifts_of([replace(one, session=session)], noise)
        kept.add_drift([replace(found, agreeing=agreeing)])
    chosen = [row for row in kept.newest() if row.session in ("t1", "t2")]
    made = collect(kept, chosen, here / "results")
    assert drift_matrix(made.drifts).views[0].data[0]["z"][0][1] == 99.0


def test_sustained_runs_and_pictures_are_found(history, here, capsys):
    (here / "results" / "v1-0.25-96-demo-calibration.svg").write_text(PICTURE)
    for slowdown in (0.9, 0.5):
        History().append(hot(history[0], minutes=2, slowdown=slowdown))
    assert main(["report", "--out-file", "my report.html"]) == 0
    assert capsys.readouterr().out == "my report.html\n"
    elements = Elements((here / "my report.html").read_text())
    assert elements.tags.count("img") == 1 and "45.5 to 81.0" in elements.text
    assert "+22." in elements.text and "+36." not in elements.text


def test_only_the_model_and_the_device_that_are_named(history, here, capsys):
    def models_and_devices(*arguments):
        assert main(["report", "--json", *arguments]) == 0
        found = json.loads(capsys.readouterr().out)["rows"]
        return {(row["model_id"], row["device"]) for row in found}

    v1, v2 = "v1-0.25-96-demo", "v2-0.35-96-demo"
    assert models_and_devices() == {(m, d) for m in (v1, v2) for d in ("host", "pi")}
    assert models_and_devices("--arch", "v2") == {(v2, "host"), (v2, "pi")}
    assert models_and_devices("--arch", "v2", "--device", "pi") == {(v2, "pi")}
    assert models_and_devices("--device", "host") == {(v1, "host"), (v2, "host")}
    assert models_and_devices("--device", "pi, host,pi") == models_and_devices()
    assert main(["report", "--arch", "v3-small"]) == 2
    output = capsys.readouterr().err
    assert "has no measurement of v3-small" in output and f"but of {v1}, {v2}" in output
    assert main(["report", "--arch", "v9"]) == 2
    assert main(["report", "--device", "toaster"]) == 2


def test_a_report_that_cannot_be_made_leaves_the_old_one(history, here, monkeypatch, capsys):
    old = here / "results" / "report.html"
    old.write_text("the old one")

    def broken(made):
        raise MemoryError

    monkeypatch.setattr(report_page, "page", broken)
    assert main(["report"]) == 3
    assert "error: memory ran out" in capsys.readouterr().err
    assert old.read_text() == "the old one"
    assert not list((here / "results").glob("*.partial"))
    monkeypatch.setattr(report_page, "page", lambda made: "a name that is no UTF-8: \udce9")
    assert main(["report"]) == 0
    assert old.read_text() == "a name that is no UTF-8: \\udce9"


def test_a_place_that_cannot_be_written_is_one_line(history, here, capsys):
    assert main(["report", "--out-file", "nowhere/report.html"]) == 2
    output = capsys.readouterr().err
    assert "error: the report cannot be written to nowhere/report.html" in output
    (here / "folder").mkdir()
    assert main(["report", "--out-file", "folder"]) == 2
    assert not list(here.glob(".*partial"))


def test_markdown_prints_the_rows_and_writes_nothing(history, here, capsys):
    assert main(["report", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(history) and all(line.startswith("| ") for line in lines[2:])
    assert not (here / "results" / "report.html").exists()


def test_a_whole_report_of_many_rows_is_a_few_megabytes():
    assert len(report_page.page(contents()).encode()) < 3_500_000
