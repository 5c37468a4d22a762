"""The machine of a device, seen from the process that started it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from arm64 import namespace
from arm64.missing import CannotEmulate
from arm64.settings import Settings

PACKAGES = Path(__file__).parents[1]


class MachineProcess:
    """``arm64.machine`` running; ``port`` is where the device's server will listen.

    Raises CannotEmulate where the kernel refuses something, RuntimeError with the log where
    anything else goes wrong.
    """

    def __init__(self, settings: Settings) -> None:
        self.log_path = Path(settings.state) / "machine.log"
        self._device = settings.device
        self._lock = threading.Lock()
        with self.log_path.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "arm64.machine", settings.to_json()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                # Ctrl-C is for whoever uses the device; he ends it.
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONSAFEPATH": "1"},
            )  # fmt: skip
        try:
            self.port = int(self._start())
        except BaseException:
            self.close()
            raise

    def _start(self) -> str:
        self._answer("map")
        try:
            namespace.map_ids(self._process.pid)
        except OSError as error:
            raise CannotEmulate(f"no {self._device}: the kernel refuses: {error}") from error
        return self.ask("mapped")

    def ask(self, command: str) -> str:
        """Reply of the machine to ``command``, once it has been carried out."""
        with self._lock:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            return self._answer("done")

    def _answer(self, expected: str) -> str:
        line = self._process.stdout.readline()
        word, _, rest = line.strip().partition(" ")
        if word == "refused":
            raise CannotEmulate(f"no {self._device}: the kernel refuses: {rest}")
        if word != expected:
            raise RuntimeError(f"the device answers {line!r}:\n{self.log_path.read_text()}")
        return rest

    def wait(self) -> None:
        """Returns when the machine has ended without having been asked to."""
        self._process.wait()

    def close(self) -> None:
        """Ends the device; nothing of it is left when this returns."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
