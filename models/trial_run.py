"""One run of a .tflite or .onnx file in a process of its own, which it may take with it.

Runtimes check little of what a file says: one changed number in it ends the process that opens it,
or keeps it busy for ever. ``python -m`` runs the child.
"""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.command_line import command
from models.command_line.child_python import module_command
from models.command_line.errors import CommandError, RequestError
from models.untrusted_files.confinement import confine

ERROR = "error: "
TIME_LIMIT_S = 300  # of one image: the largest networks take some seconds


def check(path: Path, resolution: int | None) -> None:
    """RequestError where the file at ``path`` cannot be opened, or ends or hangs a process that
    runs it on one image. Whether it runs well is for who needs that to say."""
    line = module_command(__name__, str(path), str(resolution or 0))
    try:
        child = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise RequestError(f"'{path}' takes more than {TIME_LIMIT_S} s for one image") from error
    if child.returncode < 0:
        raise RequestError(
            f"'{path}' ends the process that runs it, by {signal.Signals(-child.returncode).name}: "
            "it is damaged, or takes more memory or time than there is; convert the network again"
        )
    if child.returncode == RequestError.exit_code:
        said = child.stderr.decode(errors="backslashreplace").splitlines()
        found = [one.removeprefix(ERROR) for one in said if one.startswith(ERROR)]
        if found:
            raise RequestError(found[-1])


def main(argv: Sequence[str]) -> int:
    """Run the file on an image of zeros; what the process can do but compute is taken from it."""
    confine(TIME_LIMIT_S)
    return command.exit_code(lambda: _run(Path(argv[0]), int(argv[1]) or None), "interrupted")


def _run(path: Path, resolution: int | None) -> None:
    from models.opened_file import KINDS

    file = KINDS[path.suffix.lower()].open(path, resolution)
    with contextlib.suppress(CommandError):
        size = file.size
        file.predict([np.zeros((size.height, size.width, size.channels), np.float32)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
