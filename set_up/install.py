"""Makes a virtual environment with the packages that ``constraints/`` pins for this Python.

``python set_up/install.py FOLDER``: with the standard library alone, before anything is installed.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

PROJECT = Path(__file__).parent.parent
VERSION = "{}.{}".format(*sys.version_info)
REPORT_EVERY_S = 10.0
POLL_S = 0.2
INTERRUPTED, REFUSED, FAILED = 130, 2, 3
PROGRAMS = "Scripts" if os.name == "nt" else "bin"


class Environment:
    """The environment in ``folder``.

    ``unfinished`` is there while it is made, so that one that was interrupted is made anew: pip
    takes a package of which it wrote half for installed. ``ready`` tells what it was made from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ready, self.unfinished = folder / "ready", folder / "unfinished"
        self.python = folder / PROGRAMS / "python"

    def version(self) -> str | None:
        """Its version of Python; None where there is no environment."""
        settings = self.folder / "pyvenv.cfg"
        text = settings.read_text() if settings.is_file() else ""
        found = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", text, re.MULTILINE)
        return found and found[1]

    def installed(self) -> int:
        """Packages that are there."""
        return len(list(self.folder.glob("lib/python*/site-packages/*.dist-info/RECORD")))


def fingerprint() -> str:
    """Identity of an environment: its Python and the content of its requirements files."""
    whole = hashlib.sha256(sys.version.encode())
    for file in (PROJECT / "pyproject.toml", PROJECT / "constraints" / f"{VERSION}.txt"):
        whole.update(file.read_bytes())
    return whole.hexdigest()


def set_up(environment: Environment) -> None:
    """Make the environment, or bring it up to date; SystemExit where that fails."""
    if environment.ready.is_file() and environment.ready.read_text() == fingerprint():
        environment.ready.touch()
        return
    start = time.monotonic()
    folder = environment.folder.resolve()  # it may be a link to another disk
    of_make = environment.ready.exists() or environment.unfinished.exists()
    found = environment.version()
    if found not in (None, VERSION) and not of_make:
        _refuse(
            f"{environment.folder} is an environment of Python {found} that make did not create; "
            f"remove it, or run make PYTHON={environment.python}"
        )
    if environment.unfinished.exists() or (found not in (None, VERSION) and of_make):
        shutil.rmtree(folder)
    _report(f"{environment.folder} with Python {VERSION}, about two minutes, the first time only")
    folder.mkdir(parents=True, exist_ok=True)
    environment.unfinished.touch()
    environment.ready.unlink(missing_ok=True)
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    _install(environment, start)
    environment.ready.write_text(fingerprint())
    environment.unfinished.unlink()
    _report(f"ready after {time.monotonic() - start:.0f} s")


def _install(environment: Environment, start: float) -> None:
    """Have pip install the project and what it needs; its warnings stay in the log.

    Ends with pip's own errors and SystemExit where pip fails.
    """
    output, errors = environment.folder / "pip.log", environment.folder / "pip.errors"
    words = [
        environment.python,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
    ]
    words += ["--progress-bar", "off", "-c", PROJECT / "constraints" / f"{VERSION}.txt"]
    with output.open("wb") as log, errors.open("wb") as messages:
        pip = subprocess.Popen(
            [*words, "-e", f"{PROJECT}[test]"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=messages,
        )
        try:
            reported = time.monotonic()
            while pip.poll() is None:
                time.sleep(POLL_S)
                if time.monotonic() > reported + REPORT_EVERY_S:
                    reported = time.monotonic()
                    doing = activity(output.read_text(errors="replace"), environment.installed())
                    _report(f"{reported - start:.0f} s, {doing}")
        finally:
            pip.terminate()
            pip.wait()
    if pip.returncode:
        sys.stderr.write(without_warnings(errors.read_text(errors="replace")))
        print(f"error: pip has failed; all that it wrote is in {output}", file=sys.stderr)
        raise SystemExit(FAILED)


def activity(log: str, installed: int) -> str:
    """Current step of pip, by the last line of its ``log`` that names one."""
    steps = re.findall(
        r"^ *(?:(Collecting) ([\w.-]+)|(?:Downloading|Using cached) \S*?([^/\s]+)-\d\S* \((.+)\)"
        r"|(Installing) collected packages: (.+))",
        log,
        re.MULTILINE,
    )
    if not steps:
        return "pip starts"
    collected, name, downloaded, size, installing, packages = steps[-1]
    if installing:
        names = packages.split(", ")
        # pip itself is there from the start.
        place = min(installed, len(names))
        return f"installing {names[place - 1]} ({place} of {len(names)})"
    return f"looking for {name}" if collected else f"downloading {downloaded} ({size})"


def without_warnings(messages: str) -> str:
    """pip's ``messages`` less those that are warnings."""
    lines = messages.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("WARNING:", "DEPRECATION:")))


def _report(text: str) -> None:
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(REFUSED)


def main(argv: list[str]) -> int:
    """Set up the environment in the folder named; the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        set_up(Environment(Path(argv[0])))
    except KeyboardInterrupt:
        print("interrupted; the next make begins the set-up again", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
