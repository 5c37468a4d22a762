"""pip in an environment on a device, as it is configured there."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from bench.devices.provision.pip_here import PATIENCE, last_error, versions_said
from bench.devices.transport.transport import Finished, Runs

ASK_S, INSTALL_S = 120, 1800
ASK_PATIENCE = ("--timeout", "10", "--retries", "1")
GRACE_S = 30.0  # by how much timeout there should be earlier than ours
ENDED = {124: "did not end within {} s", 137: "was killed (often: out of memory)"}
# What the device's own configuration says does not concern files that were pushed.
UNCONFIGURED = "PIP_CONFIG_FILE=/dev/null"
# Compiled on import, what is imported: the rest would take a slow device longer than installing.
INSTALL = ("--only-binary=:all:", "--no-compile", "--no-warn-script-location", "--no-user")
INDEX = re.compile(r"\S+\.(?:extra-)?index-url='(.*)'")


class DevicePip:
    """pip of ``environment``, which is on the device behind ``transport``.

    It leaves nothing outside of ``environment`` and ends by itself, also behind a line that broke.
    """

    def __init__(self, transport: Runs, environment: PurePosixPath) -> None:
        self.last_words = ""
        self._transport, self._environment = transport, environment

    def available(self, name: str) -> list[str]:
        """The versions of which its indexes have wheels for this device, newest first."""
        words = ("index", "versions", "--only-binary=:all:", *ASK_PATIENCE, name)
        done = self._run(words, ASK_S)
        if done.code:
            self.last_words = last_error(done.stderr)
        return versions_said(done.stdout.decode(errors="replace"))

    def indexes(self) -> list[str]:
        """Addresses of package indexes that it is configured to ask, but such with a password."""
        said = self._run(("config", "list"), ASK_S).stdout.decode(errors="replace")
        found = [url for line in said.splitlines() if (at := INDEX.match(line)) for url in
                 at[1].replace("\\n", " ").split()]  # fmt: skip
        return [url for url in found if re.match(r"https?://[^@]+$", url)]

    def install(self, requirements: Sequence[str]) -> Finished:
        """Packages and all that they need, from its indexes."""
        return self._run(("install", *INSTALL, *PATIENCE, *requirements), INSTALL_S)

    def install_files(self, wheels: Sequence[PurePosixPath]) -> Finished:
        """``wheels``, files there, which are to have all that they need among them."""
        words = ("--isolated", "install", *INSTALL, "--no-index", *map(str, wheels))
        return self._run(words, INSTALL_S, UNCONFIGURED)

    def _run(self, words: Sequence[str], limit_s: int, *variables: str) -> Finished:
        started = ["env", f"TMPDIR={self._environment / 'tmp'}", *variables]
        limited = ["timeout", "-k", "5", str(limit_s)]
        pip = [str(self._environment / "bin" / "python"), "-I", "-m", "pip"]
        settings = ["--no-input", "--no-cache-dir", "--disable-pip-version-check"]
        command = [*started, *limited, *pip, *words, *settings]
        done = self._transport.run(command, limit_s + GRACE_S)
        if done.code not in ENDED:
            return done
        why = ENDED[done.code].format(limit_s)
        return Finished(done.code, done.stdout, f"{done.stderr}\nERROR: pip {why}")
