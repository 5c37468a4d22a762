"""Numbers that are typed: of any size, in any script."""

import pytest

from bench.__main__ import main

HUGE = "9" * 5000  # more digits than int() takes
NO_WHOLE = [
    "\N{ARABIC-INDIC DIGIT THREE}",
    "\N{SUPERSCRIPT TWO}",
    "1_0",
    " 1",
    "1e3",
    "0x1",
    "",
    "+",
]
TOO_LARGE = ["9223372036854775808", "2147483648", HUGE]
NO_NUMBER = ["nan", "inf", "1e999", "1_0", "\N{FULLWIDTH DIGIT ONE}", "1,5", ""]
WHOLE = [["show", "{}"], ["compare", "1", "{}"], ["list", "--limit={}"], ["run", "--threads={}"],
         ["run", "--n-eval={}"], ["gate", "--res={}"], ["baseline", "--runs={}"],
         ["summary", "--classes={}"]]  # fmt: skip
ANY = [["run", "--time-limit={}"], ["run", "--precision={}"], ["run", "--sustained={}"],
       ["summary", "--alpha={}"], ["gate", "--scale={}"]]  # fmt: skip


def refused(capsys, words, value):
    assert main([word.format(value) for word in words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1
    assert len(said.err) < 200 and "DEBUG" not in said.err
    return said.err


@pytest.mark.parametrize("words", WHOLE, ids=" ".join)
def test_a_whole_number_has_plain_digits_and_a_size(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    for value in NO_WHOLE:
        assert "expected a whole number" in refused(capsys, words, value)
    for value in TOO_LARGE:
        assert "expected at most 2147483647" in refused(capsys, words, value)


@pytest.mark.parametrize("words", ANY, ids=" ".join)
def test_a_number_is_finite(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    for value in NO_NUMBER:
        assert "expected a number" in refused(capsys, words, value)


@pytest.mark.parametrize("cores", ["\N{SUPERSCRIPT TWO}", "0,\N{ARABIC-INDIC DIGIT THREE}", HUGE])
def test_cores_are_plain_digits(tmp_path, monkeypatch, capsys, cores):
    monkeypatch.chdir(tmp_path)
    assert "expected comma-separated numbers" in refused(capsys, ["run", "--cores={}"], cores)
