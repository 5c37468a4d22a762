"""Our commands in this process: no interpreter to start, and TensorFlow once for all of them."""

import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from commands import ROOT

WITH_MAIN = ("export", "quantize", "bench")  # packages; others are modules with a main


def call(package: str, *arguments, cwd: Path) -> subprocess.CompletedProcess:
    """Result of ``commands.run``, without a new process: ``python -m package arguments`` in cwd.

    What native code and child processes write to standard output and error is part of it.
    """
    main = importlib.import_module(f"{package}.__main__" if package in WITH_MAIN else package).main
    words = [str(argument) for argument in arguments]
    _forget_layer_names()
    with tempfile.TemporaryDirectory() as folder:
        output, error = Path(folder, "stdout"), Path(folder, "stderr")
        with _redirected(1, output), _redirected(2, error), _as_started_in(cwd, words):
            code = main(words)
        command = [sys.executable, "-m", package, *words]
        return subprocess.CompletedProcess(command, code, output.read_text(), error.read_text())


def _forget_layer_names() -> None:
    """Keras numbers layers by what the process built before; a process of its own begins anew."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)


@contextlib.contextmanager
def _as_started_in(cwd: Path, words: list[str]) -> Iterator[None]:
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT)}),
        mock.patch.object(sys, "argv", ["a test", *words]),
    ):
        yield


@contextlib.contextmanager
def _redirected(number: int, path: Path) -> Iterator[None]:
    """``path`` gets what the block writes to descriptor ``number``, by print or not."""
    getattr(sys, ("stdout", "stderr")[number - 1]).flush()
    kept = os.dup(number)
    redirect = (contextlib.redirect_stdout, contextlib.redirect_stderr)[number - 1]
    try:
        with path.open("w", buffering=1) as file, redirect(file):
            os.dup2(file.fileno(), number)
            yield
    finally:
        os.dup2(kept, number)
        os.close(kept)
