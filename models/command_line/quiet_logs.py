"""Keeping native libraries' log lines out of a user's terminal, unless DEBUG=1 asks for them."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator

from models.command_line.streams import lasting
from models.command_line.unforeseen import debugging


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Drop what C++ code writes to standard error; Python's own lines still show."""
    if debugging():
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    terminal = os.dup(2)
    python_stderr = sys.stderr
    with open(os.devnull, "w") as nowhere, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        sys.stderr = lasting(terminal, python_stderr)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            sys.stderr.flush()
            sys.stderr = python_stderr
            os.dup2(terminal, 2)
            os.close(terminal)


@contextlib.contextmanager
def native_aside() -> Iterator[None]:
    """Drop what C++ code writes to standard error: of a step whose exceptions say all of it."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
