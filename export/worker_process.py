"""A process that works beside this one and ends with it, however this one ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

SPAWN = multiprocessing.get_context("spawn")
END_S = 5.0  # it is waited for, once it was told to end


class ProcessEnded(Exception):
    """The process is no more, though nobody told it to end; the message says how it ended."""


class WorkerProcess:
    """One fresh process that runs ``serve``, which it is given one end of a pipe of."""

    def __init__(self, serve: Callable[[Connection], None]) -> None:
        self._connection, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_run, args=(serve, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, value: object) -> None:
        """Give it a value; ProcessEnded where it is no more."""
        try:
            self._connection.send(value)
        except OSError:
            raise self._ended() from None

    def receive(self) -> object:
        """The next value that it gives; ProcessEnded where none will come."""
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None

    def stop(self) -> None:
        """End it, whatever it is doing."""
        self._connection.close()
        self._process.terminate()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ended(self) -> ProcessEnded:
        self._process.join(END_S)
        code = self._process.exitcode
        if code is not None and code < 0:
            killed = f"the process that made it was ended by {signal.Signals(-code).name}"
            out_of_memory = code == -signal.SIGKILL
            return ProcessEnded(killed + (", as where memory runs out" if out_of_memory else ""))
        return ProcessEnded(f"the process that made it ended with exit code {code}")


def _run(serve: Callable[[Connection], None], connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent, which ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(connection)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
