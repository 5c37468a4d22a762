"""Files that a command is asked to write: found out before measuring whether they can be, and
nothing that was measured is lost where they cannot in the end."""

import contextlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import environment
from history_records import record
from nameless_user import as_nameless
from open_to_others import open_to_others
from small_disk import small_disk

from bench.__main__ import main
from bench.history.history import History
from models.command_line import writable

GATE = ["gate", "--model", "tiny.keras", "--data", "data.npz"]


@pytest.fixture
def gated(tiny_project, keras_predictions):
    (tiny_project / "gate.toml").write_text("[size]\nmax_ratio = 90\n")
    return tiny_project


@pytest.mark.parametrize("name", ["--junit", "--markdown"])
@pytest.mark.parametrize("place", ["", "nowhere/gate.xml", "gate.toml/gate.xml", "a" * 300])
def test_a_place_that_cannot_be_a_file_is_refused_before_measuring(gated, capsys, name, place):
    assert main([*GATE, name, place or str(gated)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {name[2:].upper()} is ") and said.out == ""
    assert not History().path.exists()


@pytest.mark.parametrize("as_json", [False, True])
def test_verdicts_are_printed_where_their_file_cannot_be_written(gated, capsys, as_json):
    """/dev/full takes no byte, and says so at the end only."""
    words = [*GATE, "--junit", "/dev/full", "--markdown", "gate.md"]
    assert main([*words, *(["--json"] if as_json else [])]) == 3
    said = capsys.readouterr()
    assert "error: /dev/full cannot be written: No space left on device" in said.err
    assert json.loads(said.out)["passed"] if as_json else "passed" in said.out
    assert Path("gate.md").read_text().startswith("### Gate passed")
    assert len(History().listing(None)) > 0


def test_a_failed_gate_stays_one_where_its_file_cannot_be_written(gated, capsys):
    (gated / "gate.toml").write_text("[size]\nmax_ratio = 0.001\n")
    code = main([*GATE, "--junit", "/dev/full"])
    said = capsys.readouterr().err
    assert code == 1 and "int8.tflite FAILED" in said and "/dev/full cannot be written" in said


def test_a_full_disk_is_found_out_and_nothing_is_left(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        assert writable.fault_of(disk / "report") is None
        with pytest.raises(OSError), (disk / "filling").open("wb") as filling:
            while True:
                filling.write(bytes(4096))
        assert writable.fault_of(disk / "report") == "No space left on device"
        assert os.listdir(disk) == ["filling"]


@pytest.mark.parametrize("name", ["report.html", "n" * 255])
def test_a_file_is_replaced_and_keeps_its_links_and_its_permissions(tmp_path, name):
    target = tmp_path / name
    (tmp_path / "link").symlink_to(target)
    for path, content in ((target, b"new"), (tmp_path / "link", b"newer")):
        assert writable.fault_of(path) is None
        writable.write(path, content)
        assert target.read_bytes() == content and (tmp_path / "link").is_symlink()
        target.chmod(0o640)
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == sorted(["link", name])


def test_a_device_or_a_pipe_stays_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert writable.fault_of(tmp_path / "pipe") is None
    writable.write(tmp_path / "pipe", b"report")
    assert (tmp_path / "pipe").is_fifo() and os.read(reading, 100) == b"report"
    os.close(reading)
    if os.geteuid() == 0:
        with contextlib.suppress(PermissionError):  # some containers may make none
            os.mknod(tmp_path / "full", 0o20666, os.makedev(1, 7))
            with pytest.raises(OSError, match="No space left"):
                writable.write(tmp_path / "full", b"report")
            assert (tmp_path / "full").is_char_device()


@pytest.mark.parametrize("words", [["report", "--out-file"], [*GATE, "--markdown"]])
def test_a_file_that_goes_to_standard_output_does_not_take_its_place(gated, words):
    """/dev/stdout leads to the file that the shell has opened."""
    History().append(record())
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m bench "$@" >> log', sys.executable, *words, "/dev/stdout"],
        env=environment(), stderr=subprocess.PIPE,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr
    log = Path("log").read_text()
    assert "/dev/stdout" in log.splitlines()[-1] if words[0] == "report" else "### " in log


def test_what_another_user_owns_is_found_out(tmp_path):
    open_to_others(tmp_path)
    (tmp_path / "theirs").touch(0o644)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert as_nameless(lambda: writable.fault_of(tmp_path / "theirs")) == "it may not be written"
    assert as_nameless(lambda: writable.fault_of(tmp_path / "new")) == "Permission denied"
    assert as_nameless(lambda: writable.fault_of(tmp_path / "open" / "new")) is None


def test_what_was_measured_is_shown_where_the_history_cannot_keep_it(
    tiny_project, monkeypatch, capsys
):
    """The disk fills up while the files are timed."""
    with small_disk(tiny_project / "results") as disk:
        append = History.append

        def fill_and_append(history, record):
            with contextlib.suppress(OSError), (disk / "filling").open("wb", 0) as filling:
                while True:
                    filling.write(bytes(4096))
            return append(history, record)

        monkeypatch.setattr(History, "append", fill_and_append)
        words = ["--file", "artifacts/tiny/float32.tflite", "--runtimes", "litert", "--plan"]
        assert main(["run", *words, "quick", "--time-limit", "0.1"]) == 3
        said = capsys.readouterr()
        assert "float32.tflite  litert" in said.out and "median ms" in said.out
        assert "error: results/bench.sqlite cannot be used" in said.err


def test_junit_says_when_and_how_long(gated):
    assert main([*GATE, "--junit", "gate.xml"]) == 0
    (suite,) = ElementTree.parse("gate.xml").getroot()
    datetime.strptime(suite.get("timestamp"), "%Y-%m-%dT%H:%M:%S")
    cases = [float(case.get("time")) for case in suite]
    assert 0 < sum(cases) <= float(suite.get("time")) and min(cases) >= 0
