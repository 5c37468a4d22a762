"""Ctrl-C and SIGTERM end a bench and its runner; finished rows are kept."""

import os
import signal
import subprocess
import sys
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


def test_a_bench_that_is_terminated_ends_its_runner(tiny_project, tmp_path, monkeypatch):
    write_export(
        tiny_project / "artifacts",
        "v2-1-224-random",
        formats=("tflite",),
        model={"weights": "random"},
    )
    hang = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    runtime_that(tmp_path, monkeypatch, f"import os, time; {hang}")
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])
    command = [sys.executable, "-m", "bench", "run", "--weights", "random"]
    bench_process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        # As a shell starts what it puts in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert bench_process.poll() is None
        time.sleep(0.02)
    bench_process.terminate()
    assert b"interrupted" in bench_process.communicate(timeout=120)[1]
    assert bench_process.returncode == 130
    assert not is_running(int((tmp_path / "pid").read_text()))
