"""The command that starts a program on a device so that the lease agent can end it."""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.devices.lease.device_lease import DeviceLease
from bench.devices.transport.transport import Finished, Transport

# As timeout and env do: the program was not even started.
NOT_STARTED_CODE = 125
MIN_MEMORY_KIB = 2**19

# The session's id is field 6 of the shell's own entry, read by another program: under qemu-user a
# process that reads its own entry finds a made-up one. A symbolic link holds it, since that is made
# in one step, needs no block of a full disk, and fails where the agent has taken the folder away:
# then the lease is gone, and nothing may start any more. A limit that cannot be set is stricter
# already. The program is not exec'd: where the kernel kills it, the shell lives to say so. A phone
# has mksh, whose numbers have 32 bits: enough for 2 TiB in KiB, but not for 9 times that.
# A server that has all programs of a connection in one session, as dropbear does, would have to end
# with a program: one that is in the session of the agent, which the lock names, gets its own.
OWN_SESSION = """\
lock=$1 script=$2
shift 2
session=$(cut -d ' ' -f 6 "/proc/$$/stat")
agent=$(sed -n 5p "$lock" 2> /dev/null)
if [ "$(cut -d ' ' -f 6 "/proc/${agent:-none}/stat" 2> /dev/null)" = "$session" ] &&
    command -v setsid > /dev/null; then
    exec setsid sh -c "$script" sh "$@"
fi
eval "$script"
"""
SCRIPT = f"""\
entry=$1 limit=$2
shift 2
session=$(cut -d ' ' -f 6 "/proc/$$/stat") &&
boot=$(cat /proc/sys/kernel/random/boot_id) &&
ln -s "$session $boot" "$entry" || {{
    printf '%s\\n' "not started: $entry cannot be made; the lock is gone, or it runs already" >&2
    exit {NOT_STARTED_CODE}
}}
if [ -z "$limit" ] && [ -r /proc/meminfo ]; then
    while read -r name free unit; do
        [ "$name" = MemAvailable: ] && limit=$((free / 10 * 9))
    done < /proc/meminfo
    [ -n "$limit" ] && [ "$limit" -lt {MIN_MEMORY_KIB} ] && limit={MIN_MEMORY_KIB}
fi
[ -n "$limit" ] && ulimit -d "$limit" 2> /dev/null
"$@"
code=$?
rm -f "$entry"
exit "$code"
"""


def lease_command(
    cache: PurePosixPath, name: str, argv: Sequence[str], memory_kib: int | None = None
) -> list[str]:
    """The words of a POSIX shell that runs ``argv`` on a device that an agent leases.

    While it runs, ``cache``/running/``name`` names its session, which the agent ends when told to
    or when the connection goes. Its data may take ``memory_kib``; None: 90 % of what is free there.
    Standard input and output are the program's; so is the exit code, 128 + n where signal n ended
    it. ``NOT_STARTED_CODE``: no agent holds the lock, or ``name`` runs already.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(f"{name!r} cannot name what runs; expected letters, digits, . _ -")
    limit = "" if memory_kib is None else str(memory_kib)
    own, entry = (OWN_SESSION, "sh", str(cache / "lock"), SCRIPT), str(cache / "running" / name)
    return ["sh", "-c", *own, entry, limit, *map(str, argv)]


class LeasedPrograms:
    """Runs programs through ``transport`` that the agent of ``lease`` ends there: when nobody waits
    for them any more (a time limit, Ctrl-C), when the connection breaks, and with the lease.

    ssh alone leaves a program to go on after any of these.
    """

    def __init__(self, transport: Transport, lease: DeviceLease, cache: PurePosixPath) -> None:
        self._transport, self._lease, self._cache = transport, lease, cache

    def run(
        self, argv: Sequence[str], timeout_s: float, stdin: Path | bytes | None = None
    ) -> Finished:
        """Run a program there, like ``run`` of a Transport."""
        name = secrets.token_hex(8)
        try:
            return self._transport.run(lease_command(self._cache, name, argv), timeout_s, stdin)
        except BaseException:
            self._lease.end(name)
            raise
