"""Standard streams that are full, closed, or in an encoding that lacks our characters."""

import json
import os
import subprocess
import sys

import pytest
from commands import environment
from history_records import record
from tiny_models import write_export

from bench.history.history import History

READING = {
    "list": ["list", "--wide"],
    "show": ["show", "1"],
    "compare": ["compare", "1", "2"],
    "csv": ["export", "--csv"],
    "json": ["show", "1", "--json"],
    "markdown": ["report", "--markdown"],
}
RUN = ["run", "--weights", "random", "--files", "float32.tflite", "--runtimes", "litert",
       "--time-limit", "0.2"]  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with two runs in its history, and files of random weights to measure."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        History().append(record())
    write_export(tmp_path / "artifacts", "v2-1-224-random", model={"weights": "random"})
    return tmp_path


def bench(redirected, *words, **variables):
    """``python -m bench words`` by a shell, with what is ``redirected``."""
    script = f'exec "$0" -m bench "$@" {redirected}'
    return subprocess.run(
        ["sh", "-c", script, sys.executable, *words],
        env={**environment(), **variables},
        capture_output=True,
        timeout=300,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", READING)
def test_output_that_is_full_is_one_line_and_code_3(project, command, unbuffered):
    done = bench(">/dev/full", *READING[command], PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 3
    assert done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


@pytest.mark.parametrize("redirected", [">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", "2>&-"])
@pytest.mark.parametrize("command", ["list", "json"])
def test_a_stream_that_is_closed_or_full_hinders_nothing(project, command, redirected):
    done = bench(redirected, *READING[command])
    assert done.returncode == 0 and done.stderr == b""


@pytest.mark.parametrize("encoding", ["ascii", "koi8-r", "cp1252"])
@pytest.mark.parametrize("command", READING)
def test_what_an_encoding_lacks_is_written_as_its_number(project, command, encoding):
    done = bench("", *READING[command], PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and done.stderr == b""
    done.stdout.decode(encoding)
    if command == "show":
        assert b"Test Board 4" in done.stdout


def measured():
    return [row for row in History().newest() if row.model_id == "v2-1-224-random"]


@pytest.mark.parametrize(
    "redirected, json_too, code",
    [
        (">/dev/full", False, 3),
        (">/dev/full", True, 3),
        (">&- 2>&-", False, 0),
        ("2>/dev/full", False, 0),
    ],
)
def test_what_was_measured_is_kept_whatever_the_streams(project, redirected, json_too, code):
    done = bench(redirected, *RUN, *(["--json"] if json_too else []))
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"standard output cannot be written") == (code == 3)
    (row,) = measured()
    assert row.result.samples_ns


def test_an_output_that_must_not_be_waited_for_gets_all(project):
    """As programs leave a pipe that set it to O_NONBLOCK; more is printed than it holds."""
    code = (
        "import sys; from models.command_line import command; "
        "command.exit_code(lambda: print('x' * 300_000, flush=True), '')"
    )
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    writer = subprocess.Popen([sys.executable, "-c", code], env=environment(), stdout=writing)
    os.close(writing)
    with open(reading) as pipe:
        assert pipe.read() == "x" * 300_000 + "\n"
    assert writer.wait() == 0


@pytest.mark.parametrize("encoding", ["ascii", "koi8-r"])
def test_a_bench_prints_its_table_in_any_encoding(project, encoding):
    done = bench("", *RUN, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert b"float32.tflite" in done.stdout and measured()


def test_the_history_never_gets_the_place_of_a_closed_stream(project):
    """A file that is opened as descriptor 1 would receive what libraries print."""
    assert bench("<&- >&- 2>&-", *RUN).returncode == 0
    assert len(measured()) == 1 and History().check() is None


def test_json_to_a_reader_that_leaves_is_no_error(project):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "bench", "show", "1", "--json"],
        env=environment(), stdout=writing, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 141 and done.stderr == b""
    assert json.loads(bench("", "show", "1", "--json").stdout)["id"] == 1
