"""The process that is a device's hardware: its disk stays while it is switched off and on.

``python -m arm64.machine SETTINGS`` obeys lines on standard input: ``on``, ``off`` and, when
it is on, what the device's first process obeys. It ends when standard input does, and with it
everything that it mounted, registered and started.
"""

import errno
import os
import shutil
import socket
import subprocess
import sys

from arm64 import namespace
from arm64.missing import REGISTRATION, tool
from arm64.places import BASE, BINARY_FORMATS, DISK, LOWER, ROOT, STATE
from arm64.settings import Settings

OFF_S = 5.0
# What the kernel says where it does not do this for us; anything else is a mistake of ours.
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENODEV, errno.ENOSYS, errno.ENOSPC)


class Machine:
    """One device: mounted when made, switched on and off as often as is liked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running: subprocess.Popen | None = None
        # Bound and not listening: nobody else gets the port while the device is off.
        self._reserved = _bound_socket(0)
        self.port = self._reserved.getsockname()[1]

    def on(self) -> str:
        """Starts the device; the process that holds its namespaces."""
        network = [] if self._settings.internet else ["--net"]
        with _bound_socket(self.port) as listener:
            listener.listen()
            self._running = subprocess.Popen(
                [
                    tool("unshare"), "--pid", "--mount", "--uts", "--ipc", *network, "--fork",
                    "--kill-child", sys.executable, "-m", self._settings.init,
                    str(listener.fileno()), self._settings.cpu,
                ],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                pass_fds=[listener.fileno()], preexec_fn=namespace.die_with_parent,
            )  # fmt: skip
        self._answer()
        return str(self._running.pid)

    def off(self) -> str:
        """Ends every process of the device; it is off when this returns."""
        running, self._running = self._running, None
        if running is not None:
            running.stdin.close()
            try:
                running.wait(OFF_S)
            except subprocess.TimeoutExpired:  # stopped, or stuck: its end is the kernel's then
                running.kill()
                running.wait()
            running.stdout.close()
        return ""

    def tell(self, command: str) -> str:
        """Hands ``command`` to the device's first process."""
        self._running.stdin.write(command + "\n")
        self._running.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        line = self._running.stdout.readline()
        if not line:
            raise RuntimeError(f"the device's first process ended ({self._running.wait()})")
        return line.strip()


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def mount_device(settings: Settings) -> None:
    """The root and the disk over it, and qemu for its programs. Raises OSError."""
    # The state folder may be below the /run that is about to be covered.
    given = [os.open(path, os.O_PATH) for path in (settings.root, settings.state)]
    namespace.mount("tmpfs", "/run", "tmpfs", options="mode=755")
    for folder in (BASE, LOWER, DISK, ROOT, STATE, BINARY_FORMATS, "/run/sshd"):
        os.mkdir(folder)
    for descriptor, target in zip(given, (LOWER, STATE), strict=True):
        namespace.bind(f"/proc/self/fd/{descriptor}", target)
        os.close(descriptor)
    namespace.mount("tmpfs", DISK, "tmpfs", options=f"mode=755,size={settings.disk_mib}m")
    upper, work = DISK / "upper", DISK / "work"
    upper.mkdir()
    work.mkdir()
    layers = f"lowerdir={LOWER},upperdir={upper},workdir={work},userxattr"
    namespace.mount("overlay", ROOT, "overlay", options=layers)
    namespace.mount("binfmt_misc", BINARY_FORMATS, "binfmt_misc")
    (BINARY_FORMATS / "register").write_text(REGISTRATION.read_text().strip())
    for path, size_mib in settings.small_disks_mib.items():
        _mount_small_disk(path, size_mib, settings.user_id)


def _mount_small_disk(path: str, size_mib: int, user_id: int) -> None:
    folder = ROOT / path.lstrip("/")
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir()
        os.chown(missing, user_id, user_id)
    owner = f"uid={user_id},gid={user_id}"
    namespace.mount("tmpfs", folder, "tmpfs", options=f"mode=755,size={size_mib}m,{owner}")


def obey(machine: Machine) -> None:
    """Answers each line of standard input with one that begins with ``done``."""
    commands = {"on": machine.on, "off": machine.off}
    for line in sys.stdin:
        command = line.strip()
        result = commands[command]() if command in commands else machine.tell(command)
        print(f"done {result}", flush=True)


def main(text: str) -> None:
    settings = Settings.from_json(text)
    try:
        namespace.enter_user_namespace()
        mount_device(settings)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        print(f"refused {error}", flush=True)
        return
    machine = Machine(settings)
    print(f"done {machine.port}", flush=True)
    obey(machine)
    machine.off()
    # The folder is that of the process that started us, which may have been killed.
    for path in STATE.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    shutil.rmtree(settings.state, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
