"""A command on a device, through whichever line: run to its end, within a time, and told of."""

import contextlib
import math
import secrets
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from bench.remote.process import communicated
from bench.remote.ssh_failure import last_line
from bench.remote.transfer import Line
from bench.remote.transport import Finished
from models.errors import DeviceError

SHELL_S = 30.0
QUOTED_CHARACTERS = 80
# Where the device has such a timeout, a program that nobody waits for any more is ended there. Not
# toybox's, that of phones: its version 0.8.9 exits 127 where the program ends very soon.
WITHIN = (
    "within=$1; shift; "
    "case $(timeout --version 2>&1) in toybox*) ;; *) if timeout -k 5 9 true 2>/dev/null; "
    'then set -- timeout -k 5 "$within" "$@"; fi;; esac; exec "$@"'
)


def finished(
    line: Line,
    argv: Sequence[str | PurePosixPath],
    timeout_s: float,
    stdin: Path | bytes | None,
) -> Finished:
    """Run a program there, its standard input ``stdin`` (a file's content, or these bytes).

    Behind ``timeout_s`` DeviceError, and the program is ended where the device can do that.
    """
    words = ["sh", "-c", WITHIN, "sh", str(math.ceil(timeout_s)), *argv]
    given = stdin if isinstance(stdin, bytes) else None
    with _opened(stdin) as source, line.running(words, source, subprocess.PIPE) as process:
        try:
            stdout, stderr = communicated(process, given, timeout_s, line.stopped)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"{line.name}: {_shown(argv)} did not end within {timeout_s:g} s"
            ) from error
    said = stderr.decode(errors="replace")
    line.check_line(process.returncode, said)
    return Finished(process.returncode, stdout, said)


def checked(
    line: Line,
    argv: Sequence[str | PurePosixPath],
    timeout_s: float,
    stdin: Path | bytes | None,
) -> bytes:
    """What it wrote to standard output; DeviceError, with its last words, unless it exits 0."""
    done = line.run(argv, timeout_s, stdin)
    if done.code:
        last_words = last_line(done.stderr) or f"exit code {done.code}"
        raise DeviceError(f"{line.name}: {_shown(argv)}: {last_words}")
    return done.stdout


def check_shell(line: Line, advice: str) -> None:
    """DeviceError where there is no shell, or one that adds to what programs write: ``advice`` says
    what to do about that."""
    token = secrets.token_hex(8).encode()
    done = line.run(["echo", token.decode()], SHELL_S)
    if done.code or not done.stdout.endswith(token + b"\n"):
        found = last_line(done.stderr) or last_line(done.stdout.decode(errors="replace"))
        raise DeviceError(
            f"{line.name} does not run commands: exit code {done.code}, "
            f"{found[:QUOTED_CHARACTERS]!r}; expected a login with a shell"
        )
    if added := done.stdout[: -len(token) - 1]:
        found = last_line(added.decode(errors="replace"))[:QUOTED_CHARACTERS]
        raise DeviceError(f"{line.name} writes {found!r} before every command; {advice}")


@contextlib.contextmanager
def _opened(stdin: Path | bytes | None) -> Iterator[IO | int]:
    if isinstance(stdin, Path):
        with stdin.open("rb") as file:
            yield file
    else:
        yield subprocess.DEVNULL if stdin is None else subprocess.PIPE


def _shown(argv: Sequence[str | PurePosixPath]) -> str:
    """A command in one line that is not too long."""
    line = " ".join(shlex.join(map(str, argv)).split())
    return line if len(line) <= QUOTED_CHARACTERS else f"{line[:QUOTED_CHARACTERS]}..."
