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

from device_pi import namespace
from device_pi.missing import tool
from device_pi.places import BASE, ROOT, STATE
from device_pi.processor import PROCESSORS, Processor, write_sysfs

NODES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
         "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}  # fmt: skip


def mount_system(processor: Processor) -> None:
    """/proc, /dev and /run of the device; /sys has its cores, and no sensors."""
    for proc in (Path("/proc"), ROOT / "proc"):
        namespace.mount("proc", proc, "proc")
    cores = os.cpu_count()
    cpuinfo = BASE / "cpuinfo"
    cpuinfo.write_text(processor.cpuinfo(cores))
    namespace.bind(cpuinfo, ROOT / "proc" / "cpuinfo")
    write_sysfs(ROOT / "sys", cores)
    dev = ROOT / "dev"
    namespace.mount("tmpfs", ROOT / "run", "tmpfs", options="mode=755")
    namespace.mount("tmpfs", dev, "tmpfs", options="mode=755")
    for name in NODES:
        (dev / name).touch()
        namespace.bind(f"/dev/{name}", dev / name)
    for name, target in LINKS.items():
        (dev / name).symlink_to(target)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    namespace.mount("tmpfs", dev / "shm", "tmpfs", options="mode=1777")
    terminals = "newinstance,ptmxmode=666,mode=620,gid=5"
    namespace.mount("devpts", dev / "pts", "devpts", options=terminals)
    # sshd opens a terminal before it enters the device's root.
    namespace.bind(dev / "pts", "/dev/pts")


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
    mount_system(PROCESSORS[cpu])
    print("done", flush=True)
    with socket.socket(fileno=int(descriptor)) as listener:
        listener.setblocking(False)
        os.set_inheritable(listener.fileno(), False)
        serve(listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
