"""A connection to a folder of this machine that can break, or freeze, in the middle of anything.

Programs are started through a relay, as over ssh: the relay may die, and what it started only finds
its standard input at an end.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from local_transport import LocalTransport

READ_BYTES = 65536


class RelayedTransport(LocalTransport):
    """``cut`` breaks every open connection; ``freeze`` lets nothing through any more."""

    def __init__(self, environment=None):
        super().__init__(environment)
        self._folder = tempfile.TemporaryDirectory()
        self.relays = Path(self._folder.name)

    def argv(self, argv):
        words = super().argv(argv)
        return [sys.executable, __file__, str(self.relays), str(self.lost_code), *words]

    def cut(self):
        super().cut()
        self._signal(signal.SIGTERM)

    def freeze(self):
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        for entry in list(self.relays.iterdir()):
            os.kill(int(entry.name), number)


def relay(folder, lost_code, argv):
    """Run ``argv`` in a session of its own, its input and output passed on; its exit code."""
    entry = Path(folder, str(os.getpid()))

    def lose(*_):
        entry.unlink(missing_ok=True)
        os._exit(int(lost_code))

    signal.signal(signal.SIGTERM, lose)
    entry.touch()
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    threading.Thread(target=pass_on, args=[0, process.stdin.fileno()], daemon=True).start()
    pass_on(process.stdout.fileno(), 1)
    code = process.wait()
    entry.unlink(missing_ok=True)
    os._exit(code if code >= 0 else 128 - code)


def pass_on(source, target):
    while found := os.read(source, READ_BYTES):
        while found:
            found = found[os.write(target, found) :]
    os.close(target)


if __name__ == "__main__":
    relay(sys.argv[1], sys.argv[2], sys.argv[3:])
