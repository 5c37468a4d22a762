"""A connection to a folder of this machine: real programs and files, no network between."""

import os
import shlex
import shutil
import subprocess

from bench.devices.transport.process import started
from bench.devices.transport.transport import Finished
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError


class LocalTransport:
    """Every command goes through a shell, as it does over ssh. ``cut()`` breaks the connection."""

    name, lost_code = "local", 255

    def __init__(self, environment=None):
        self.environment, self._is_connected = {**os.environ, **(environment or {})}, False

    def connect(self):
        self._is_connected = True

    def is_connected(self):
        return self._is_connected

    def cut(self):
        self._is_connected = False

    def start(self, argv):
        return started(self.argv(argv))

    def argv(self, argv):
        return ["/bin/sh", "-c", shlex.join(map(str, argv))]

    def run(self, argv, timeout_s, stdin=None):
        if not self._is_connected:
            raise ConnectionLost("the connection to local is cut")
        given = b"" if stdin is None else stdin if isinstance(stdin, bytes) else stdin.read_bytes()
        try:
            done = subprocess.run(
                self.argv(argv), input=given, capture_output=True, timeout=timeout_s,
                env=self.environment,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"local: {argv[0]} did not end within {timeout_s:g} s") from error
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Finished(code, done.stdout, done.stderr.decode(errors="replace"))

    def run_check(self, argv, timeout_s, stdin=None):
        done = self.run(argv, timeout_s, stdin)
        if done.code:
            raise DeviceError(f"local: {shlex.join(map(str, argv))}: {done.stderr.strip()}")
        return done.stdout

    def put(self, local, remote, show):
        if not self._is_connected:
            raise ConnectionLost("the connection to local is cut")
        shutil.copyfile(local, f"{remote}.part")
        os.replace(f"{remote}.part", remote)

    def get(self, remote, local, most_bytes):
        if not self._is_connected:
            raise ConnectionLost("the connection to local is cut")
        shutil.copyfile(remote, f"{local}.part")
        os.replace(f"{local}.part", local)

    def stop(self):
        """Ends it at once."""

    def close(self):
        self._is_connected = False
