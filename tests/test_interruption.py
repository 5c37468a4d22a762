"""Ctrl-C and SIGTERM end a bench and its runner; finished rows are kept."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import threading
import time

import pytest
from bench_runs import is_running, runtime_that
from commands import ROOT
from tiny_models import write_export

from bench.__main__ import main
from bench.history.history import History

pytestmark = pytest.mark.waits


def test_ctrl_c_keeps_the_finished_rows_and_ends_the_runner(
    tiny_project, keras_predictions, monkeypatch, capsys
):
    """Every row has been timed when the first answer of tflite-runtime does not come."""
    pid_file = tiny_project / "pid"
    hang = f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    fails_first = f"os.path.exists({str(tiny_project / 'once')!r})"
    remember = f"open({str(tiny_project / 'once')!r}, 'w')"
    runtime_that(
        tiny_project,
        monkeypatch,
        f"import os, time\nif {fails_first}:\n    {hang}\n{remember}\n",
    )
    real = "from ai_edge_litert import *\n__version__ = 'of this test'\n"
    package = tiny_project / "fake" / "tflite_runtime"
    (package / "interpreter.py").write_text("from ai_edge_litert.interpreter import *\n")
    (package / "__init__.py").write_text((package / "__init__.py").read_text() + real)

    def interrupt():
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    chosen = ["--files", "float32.tflite", "--runtimes", "litert,tflite-runtime"]
    assert main(["run", "--model", "tiny.keras", "--data", "data.npz", *chosen]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not is_running(int(pid_file.read_text()))
    evaluated, timed = History().newest()
    assert (evaluated.result.runtime, evaluated.accuracy.top1) == ("litert", 1)
    assert timed.result.samples_ns and timed.accuracy is None


def bench_that_hangs(project, tmp_path, monkeypatch):
    """The command line of a bench whose runner writes its process into ``pid``, and hangs."""
    write_export(
        project / "artifacts", "v2-1-224-random", formats=("tflite",), model={"weights": "random"}
    )
    hang = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    fake = runtime_that(tmp_path, monkeypatch, f"import os, time; {hang}")
    code = (
        "from pathlib import Path\nfrom bench.devices import host\n"
        f"host.PACKAGES = (Path({str(fake)!r}), *host.PACKAGES)\n"
        "import sys\nfrom bench.__main__ import script\nsys.exit(script())"
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    words = ["run", "--weights", "random", "--runtimes", "tflite-runtime"]
    return [sys.executable, "-c", code, *words]


def test_a_bench_that_is_terminated_ends_its_runner(tiny_project, tmp_path, monkeypatch):
    bench_process = subprocess.Popen(
        bench_that_hangs(tiny_project, tmp_path, monkeypatch),
        stderr=subprocess.PIPE,
        # As a shell starts what it puts in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert bench_process.poll() is None
        time.sleep(0.02)
    bench_process.terminate()
    assert b"interrupted" in bench_process.communicate(timeout=120)[1]
    assert bench_process.returncode == 128 + signal.SIGTERM
    assert not is_running(int((tmp_path / "pid").read_text()))


def started_in_a_terminal(tmp_path, command):
    """``command`` as what a terminal waits for, and the end of that terminal."""
    terminal, side = os.openpty()
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdin=side, stdout=side, stderr=side,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(side)
    return process, terminal


@pytest.mark.parametrize("again", [False, True])
def test_a_terminal_that_is_closed_ends_the_runner_and_leaves_no_files(
    tiny_project, tmp_path, monkeypatch, again
):
    """The runner hangs; the shell may send the signal as well as the system."""
    (tmp_path / "tmp").mkdir()
    command = bench_that_hangs(tiny_project, tmp_path, monkeypatch)
    process, terminal = started_in_a_terminal(tmp_path, command)
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert process.poll() is None, os.read(terminal, 10_000)
        time.sleep(0.02)
    os.close(terminal)  # the system sends SIGHUP
    if again:
        os.kill(process.pid, signal.SIGHUP)  # and so does the shell
    assert process.wait(timeout=120) == 128 + signal.SIGHUP
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert os.listdir(tmp_path / "tmp") == []


def test_nohup_is_respected(monkeypatch):
    """Of a process that was started with SIGHUP ignored, and so keeps running."""
    code = (
        "import os, signal; from models.command_line import starting; "
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "print(starting.run(lambda argv: os.kill(os.getpid(), signal.SIGHUP) or 7))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "7\n" and done.stderr == ""
