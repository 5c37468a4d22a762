"""Text from outside acts nowhere: not in a terminal, a table, Markdown, CSV, JUnit or HTML."""

import csv
import io
import json
import sqlite3
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from history_records import RESULT, record

from bench.__main__ import main
from bench.console.foreign_text import csv_text, markdown_code, markdown_text
from bench.console.output import Output
from bench.gates import gate_output
from bench.gates.verdict import Verdict
from bench.history.history import History
from bench.measurement.result import Result, RunError
from bench.measurement.warning import MeasurementWarning
from models.command_line import command, progress
from models.command_line.columns import aligned
from models.command_line.errors import DeviceError, RequestError
from models.command_line.printable import printable, printable_lines

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J red\x1b[31m\r\n| </td><script>alert(1)</script> `x` "
    "[click](javascript:alert(1)) \x00\x9b31m \u202egnp.exe \ufffe\x0b\x85\u2028end"
)
ACTING = {chr(n) for n in range(32)} - {"\n"} | {chr(n) for n in range(127, 160)}
ACTING |= set("\u202e\ufffe\u2028")


def assert_harmless(text):
    assert not ACTING & set(text), sorted(ACTING & set(text))


def test_hidden_characters_are_shown_as_their_escapes_and_all_others_as_they_are():
    assert printable("a\x1b[31mb\u202ec\udcff\ufeff") == "a\\x1b[31mb\\u202ec\\udcff\\ufeff"
    assert printable("two\nlines\tand\r\nmore") == "two lines and  more"
    seen = "naïve 日本語 ±5 % … 👩\u200d🔬 नम\u200cस्ते \N{NO-BREAK SPACE}x"
    assert printable(seen) == seen == printable(printable(seen))
    assert printable_lines("a\nb\x07") == "a\nb\\x07"


@pytest.fixture
def history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment = replace(
        record().environment, cpu_model=HOSTILE, board=HOSTILE, os=HOSTILE, emulated=False,
        versions={HOSTILE: HOSTILE},
    )  # fmt: skip
    failed = Result("litert", error=RunError(HOSTILE, HOSTILE))
    one = record(
        device=HOSTILE, model_id=HOSTILE, artifact=HOSTILE, commit=HOSTILE, command=HOSTILE,
        session=HOSTILE, data=HOSTILE, environment=environment, scheme=HOSTILE,
        warnings=(MeasurementWarning(HOSTILE, HOSTILE, HOSTILE),),
        result=replace(RESULT, runtime=HOSTILE, runtime_version=HOSTILE),
    )  # fmt: skip
    untimed = replace(one, result=failed, accuracy=None)
    for each in (one, untimed, replace(one, kind="sustained"), one):
        History().append(each)


@pytest.mark.parametrize(
    "arguments",
    ["list", "list --wide 1", "show 1", "show 2 --wide 1", "compare 1 4", "report --markdown"],
)
def test_what_is_printed_of_the_history_does_not_act(history, capsys, arguments):
    assert main(arguments.split()) == 0
    shown = capsys.readouterr()
    assert shown.out.strip()
    assert_harmless(shown.out + shown.err)


def test_a_filter_that_finds_nothing_names_what_there_is_without_acting(history, capsys):
    for arguments in (["list", "--device", HOSTILE + "2"], ["report", "--device", "x\x1b[2J"]):
        assert main(arguments) == 2
        shown = capsys.readouterr()
        assert shown.err.count("\n") == 1
        assert_harmless(shown.err)


def test_a_row_of_markdown_stays_one_row_without_html_or_links(history, capsys):
    assert main(["report", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2
    for line in lines:
        assert line.replace("\\|", "").count("|") == lines[0].count("|")
        assert "<" not in line and "](" not in line


def test_csv_has_no_formula_and_no_escape(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for start in "=+-@\t\r":
        History().append(record(device=f"{start}cmd|' /C calc'!A0", data="a\x1b[2Jb"))
    assert main(["export", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    for row in rows:
        assert row["device"].startswith("'") and row["data"] == "a\\x1b[2Jb"
        assert row["sqnr_db"] == "31.25"
    assert csv_text("plain - text") == "plain - text" and csv_text("") == ""


def test_figures_below_zero_are_numbers_in_csv(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    History().append(record(accuracy=replace(record().accuracy, sqnr_db=-3.5)))
    assert main(["export", "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["sqnr_db"] == "-3.5"


VERDICTS = [
    Verdict(gate="size", file=HOSTILE, runtime=HOSTILE, outcome=outcome, found=HOSTILE,
            limit=HOSTILE, detail=HOSTILE, advice=HOSTILE)
    for outcome in ("passed", "FAILED", "skipped")
]  # fmt: skip


def test_junit_of_hostile_names_is_xml_and_says_them():
    whole = gate_output.junit(HOSTILE, VERDICTS, "fail", gate_output.Times())
    assert_harmless(whole)
    found = ElementTree.fromstring(whole)
    assert len(found.findall(".//testcase")) == 3
    assert "\\x1b[2J red" in found.find(".//failure").get("message")


def test_the_gate_in_markdown_and_as_a_table_does_not_act():
    page = gate_output.markdown(HOSTILE, VERDICTS, "fail")
    assert_harmless(page + gate_output.table(VERDICTS).replace("\n", ""))
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(VERDICTS)
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
    assert "<script" not in page.replace(markdown_code(HOSTILE), "") and "](" not in page.replace(
        markdown_code(HOSTILE), ""
    )
    assert markdown_text("a & b &amp; 5 < 6") == "a & b &amp;amp; 5 &lt; 6"


def test_the_report_as_html_does_not_act(history, tmp_path):
    assert main(["report"]) == 0
    html = (tmp_path / "results" / "report.html").read_text("utf-8")
    assert "<script>alert" not in html
    body = html[html.index("<body") :]
    assert_harmless(body[: body.index("<script")])


def test_errors_notes_and_progress_do_not_act(capsys):
    def fail(error):
        def work():
            raise error

        return work

    assert command.exit_code(fail(RequestError(HOSTILE)), "") == 2
    assert command.exit_code(fail(DeviceError(HOSTILE)), "") == 3
    assert command.exit_code(fail(ValueError(HOSTILE)), "") == 3
    progress.note(HOSTILE)
    with progress.step(HOSTILE) as show:
        show(HOSTILE)
    Output(as_json=False).say(HOSTILE)
    shown = capsys.readouterr()
    assert_harmless(shown.out + shown.err)
    assert shown.err.count("\n") == 5


def test_an_error_with_an_endless_name_is_a_line_that_can_be_read(capsys):
    def work():
        raise RequestError(f"{'x' * 10**6} is unknown; expected another")

    assert command.exit_code(work, "") == 2
    line = capsys.readouterr().err
    assert len(line) < 5000 and line.endswith("expected another\n")


def test_columns_stay_aligned_beside_hidden_characters():
    table = aligned([["a\x1b[31m", "Q"], ["b\nc", "Z"]], wrap=True)
    assert table.splitlines() == ["a\\x1b[31m  Q", "b c        Z"]


def test_json_is_ascii_whatever_it_holds(history, capsys):
    assert main(["list", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii() and json.loads(out)["runs"][0]["device"] == HOSTILE
    assert sqlite3.connect(History().path).execute("PRAGMA quick_check").fetchone() == ("ok",)
