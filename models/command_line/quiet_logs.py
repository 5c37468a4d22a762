"""Keeping the native libraries' log lines out of a user's terminal, unless something broke."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Keep aside what C++ code writes to standard error; Python's own lines still show.

    It is shown after all when an exception other than ours leaves the block.
    """
    from models.command_line.errors import CommandError

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    terminal = os.dup(2)
    python_stderr = sys.stderr
    with tempfile.TemporaryFile() as aside, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1)
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except (CommandError, KeyboardInterrupt):
            raise
        except BaseException:
            aside.seek(0)
            sys.stderr.write(aside.read().decode(errors="replace"))
            raise
        finally:
            logging.disable(logging.NOTSET)
            sys.stderr.close()
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
