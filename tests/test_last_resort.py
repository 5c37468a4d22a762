"""Errors that nobody foresaw end a command in one line, with a code that is no failed gate's."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest
from commands import ROOT, environment

from models.command_line import command

PROGRAMS = ("bench", "export", "quantize", "models.training", "bench.devices.native")


def ended(capsys, monkeypatch, work, *typed):
    monkeypatch.setattr(sys, "argv", ["a test", *typed])
    code = command.exit_code(work, "interrupted")
    return code, capsys.readouterr().err


def invalid_query():
    with sqlite3.connect(":memory:") as connection:
        connection.execute("SELECT 1 FROM nowhere")


def endless():
    return endless()


CASES = {
    "path": (lambda: os.stat("/nowhere/at all"), "/nowhere/at all"),
    "two paths": (lambda: os.rename("/nowhere/a", "/nowhere/b"), "/nowhere/a' -> '/nowhere/b"),
    "unicode": (lambda: "photo\udcff.jpg".encode(), "photo\\udcff.jpg"),
    "not text": (lambda: b"caf\xe9".decode(), "b'caf\\xe9'"),
    "value": (lambda: int("twelve"), "twelve"),
    "database": (invalid_query, "nowhere"),
    "recursion": (endless, "recursion"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_unforeseen_error_is_one_line_with_its_value_and_code_3(capsys, monkeypatch, case):
    work, value = CASES[case]
    code, said = ended(capsys, monkeypatch, work)
    assert code == 3
    assert said.startswith("error: ") and said.count("\n") == 1 and value in said
    assert "DEBUG=1" in said and "Traceback" not in said


def test_debug_shows_where(capsys, monkeypatch):
    monkeypatch.setenv("DEBUG", "1")
    code, said = ended(capsys, monkeypatch, lambda: int("twelve"))
    assert code == 3 and "Traceback" in said and "test_last_resort.py" in said


@pytest.mark.parametrize(
    ("code", "limit"), [(24, "ulimit -n"), (27, "ulimit -f"), (11, "ulimit -u")]
)
def test_a_limit_of_the_process_is_named(capsys, monkeypatch, code, limit):
    def limited():
        raise OSError(code, os.strerror(code))

    ended_with, said = ended(capsys, monkeypatch, limited)
    assert ended_with == 3 and os.strerror(code) in said and limit in said


def test_a_package_says_why_it_cannot_be_loaded_and_not_what_it_guesses(capsys, monkeypatch):
    def importing():
        try:
            raise ImportError("libopenblas.so.0: cannot open shared object file")
        except ImportError as error:
            raise ImportError("Error importing numpy: you should not\ntry to") from error

    code, said = ended(capsys, monkeypatch, importing)
    assert code == 3 and "libopenblas.so.0: cannot open" in said and "you should" not in said


@pytest.mark.parametrize(
    "typed", [["/nowhere/x"], ["--out=/nowhere"], ["--file", "/there,/nowhere"]]
)
def test_it_is_code_2_where_the_path_was_typed(capsys, monkeypatch, typed):
    code, said = ended(capsys, monkeypatch, lambda: os.stat("/nowhere/x"), *typed)
    assert code == 2 and "/nowhere/x" in said


def test_what_a_machine_has_run_out_of_is_not_the_users_fault(capsys, monkeypatch):
    def full():
        with open("/dev/full", "w") as file:
            raise OSError(28, "No space left on device", file.name)

    assert ended(capsys, monkeypatch, full, "--out", "/dev/full")[0] == 3


INTERRUPTING = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPTED_AT"]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
"""


def loading(package, tmp_path, hook, **variables):
    """``python -m package`` whose imports pass the ``hook``."""
    (tmp_path / "sitecustomize.py").write_text(hook)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", package, "list"],
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("package", PROGRAMS)
@pytest.mark.parametrize("module", ["argparse", "tempfile", "models.command_line.errors"])
def test_ctrl_c_while_a_program_is_loaded_shows_no_traceback(tmp_path, package, module):
    done = loading(package, tmp_path, INTERRUPTING, INTERRUPTED_AT=module)
    assert done.returncode in (-signal.SIGINT, 130)  # both are 130 to a shell
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("package", PROGRAMS)
def test_a_package_that_cannot_be_loaded_is_one_line(tmp_path, package):
    (tmp_path / "json.py").write_text("raise ImportError('libodd.so.1: cannot open')")
    done = loading(package, tmp_path, "")
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert "error: " in done.stderr and "libodd.so.1" in done.stderr


@pytest.mark.parametrize("package", PROGRAMS)
def test_a_folder_that_is_no_more_is_said(tmp_path, package):
    (tmp_path / "gone").mkdir()
    script = 'cd gone && rmdir ../gone && exec "$0" -m "$@"'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, package],
        cwd=tmp_path, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "started in is no more" in done.stderr
