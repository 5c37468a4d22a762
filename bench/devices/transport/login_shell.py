"""The command line for a program on a device, which passes through whatever login shell a user has
there: csh ends a quoted word at a line break, and takes ! for a command of its history."""

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

# The program's words come in octal where they are not plain. The shell stays until the program has
# ended, so that it can tell the signal that it died of, where ssh itself would say 255; that is for
# a broken connection. With TMOUT, which some administrators set, bash gives up reading, as sh too;
# with SHELLOPTS it starts with options that no script of ours was written for.
RUN = (
    'set +Cefu; unset TMOUT; eval "$(printf %b "$@")"; code=$?; '
    '[ "$code" -ne 255 ] || code=254; exit "$code"'
)
ESCAPED = frozenset(b"'!\\")
PIECE = 400  # an old csh has words of at most 1024 bytes


def command_line(argv: Sequence[str | PurePosixPath]) -> str:
    """The line that runs ``argv``: exit code 254 for its 255, 128 + n where signal n ended it."""
    plain = [
        chr(byte) if 32 <= byte < 127 and byte not in ESCAPED else f"\\0{byte:03o}"
        for byte in shlex.join(map(str, argv)).encode(errors="surrogateescape")
    ]
    pieces = ["".join(plain[at : at + PIECE]) for at in range(0, len(plain), PIECE)]
    return " ".join(["sh", "-c", f"'{RUN}'", "sh", *(f"'{piece}'" for piece in pieces)])
