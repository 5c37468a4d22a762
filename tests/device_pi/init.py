"""A device's first process: what a boot mounts, and the listener of the OpenSSH server.

``python -m device_pi.init FD CPU`` accepts connections on that socket and runs ``sshd -i`` for
each. The socket is of the network namespace that it was made in, so a device without any network
can be reached nevertheless. Obeys lines on standard input, ``signal N`` to the server's processes,
and ends with it; then the kernel ends all that runs in this process's namespace.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
from pathlib import Path

from arm64 import namespace
from arm64.missing import tool
from arm64.places import ROOT, STATE
from arm64.processor import PROCESSORS, Processor, write_sysfs
from arm64.system import mount_system


def mount_board(processor: Processor) -> None:
    """Mounts of a boot; /sys has the cores, and no sensors."""
    mount_system(processor)
    write_sysfs(ROOT / "sys", os.cpu_count())
    # sshd opens a terminal before it enters the device's root.
    namespace.bind(ROOT / "dev" / "pts", "/dev/pts")
    # What the server reads of this machine is the device's; what it logs stays with the device.
    for name in ("passwd", "group"):
        namespace.bind(ROOT / "etc" / name, f"/etc/{name}")
    namespace.mount("tmpfs", "/var/log", "tmpfs", options="mode=755")


def serve(listener: socket.socket) -> None:
    """Connections and commands, until standard input ends."""
    command = [tool("sshd"), "-i", "-f", f"{STATE}/sshd_config", "-E", f"{STATE}/sshd.log"]
    signal.signal(signal.SIGCHLD, _reap)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if listener in ready:
                _answer(listener, command)
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                _obey(line)


def _answer(listener: socket.socket, command: list[str]) -> None:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:  # the client has already given up
        return
    with connection:
        streams = [(os.POSIX_SPAWN_DUP2, connection.fileno(), number) for number in (0, 1)]
        # Python ignores SIGPIPE, which what it starts would go on doing.
        os.posix_spawn(
            command[0], command, os.environ, file_actions=streams, setsigdef=[signal.SIGPIPE]
        )


def _obey(line: str) -> None:
    word, number = line.split()
    if word != "signal":
        raise ValueError(f"the command is {line!r}; expected signal N")
    server = tool("sshd")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if os.readlink(process / "exe") == os.path.realpath(server):
                os.kill(int(process.name), int(number))
    print("done", flush=True)


def _reap(*_) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main(descriptor: str, cpu: str) -> None:
    socket.sethostname("emulated-pi")
    mount_board(PROCESSORS[cpu])
    print("done", flush=True)
    with socket.socket(fileno=int(descriptor)) as listener:
        listener.setblocking(False)
        os.set_inheritable(listener.fileno(), False)
        serve(listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
