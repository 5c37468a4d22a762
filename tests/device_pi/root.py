"""The Debian arm64 root: made once, then taken from the cache.

No maintainer script runs, so nothing is emulated while it is made; what the scripts would have
written is written here.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device_pi.missing import INSTALL, CannotEmulate, tool
from device_pi.settings import USER, USER_ID
from models.progress import step

SUITE = "bookworm"
PACKAGES = (
    "base-files", "bash", "coreutils", "dash", "findutils", "grep", "gzip", "hostname", "libc-bin",
    "libgomp1", "libstdc++6", "procps", "python3", "python3-venv", "sed", "tar", "util-linux",
)  # fmt: skip
TRIMMED = (
    "usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/perl5",
    "usr/lib/aarch64-linux-gnu/gconv", "var/lib/apt",
)  # fmt: skip
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
    f"{USER}:x:{USER_ID}:{USER_ID}::/home/{USER}:/bin/bash\n",
    "etc/group": f"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n{USER}:x:{USER_ID}:\n",
    "etc/hostname": "emulated-pi\n",
    "etc/hosts": "127.0.0.1 localhost emulated-pi\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    # mmdebstrap takes over the host's; a device without internet has no name server.
    "etc/resolv.conf": "",
}
LINKS = {"usr/bin/awk": "mawk"}
# What apt says when the package servers cannot be reached, as opposed to a wrong package name.
UNREACHABLE = ("Could not resolve", "Could not connect", "Unable to connect", "Connection failed",
               "Temporary failure", "timed out", "Network is unreachable")  # fmt: skip


def cached_root() -> Path:
    """The folder of a root as this recipe makes it, shared and never to be written to.

    Raises CannotEmulate where the packages cannot be had.
    """
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / _key()
    with _locked(cache / "lock") as lock:
        if not root.exists():
            # Only a maker that was killed can have left one, and what it started has ended too.
            unfinished = cache / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            with step("emulated Pi") as show:
                show("making a Debian arm64 root, the first time only")
                _make(unfinished, lock)
            unfinished.rename(root)
    return root


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "mobilenet-deploy-tests"


def _key() -> str:
    recipe = [SUITE, PACKAGES, TRIMMED, FILES, LINKS, USER_ID]
    return f"{SUITE}-arm64-" + hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Holds the lock; the descriptor that does, which children may hold on to."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _make(root: Path, lock: int) -> None:
    _extract(root, lock)
    for name in TRIMMED:
        shutil.rmtree(root / name)
    for name, content in FILES.items():
        (root / name).write_text(content)
        (root / name).chmod(0o644)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    home = root / "home" / USER
    home.mkdir()
    home.chmod(0o755)
    os.chown(home, USER_ID, USER_ID)


def _extract(root: Path, lock: int) -> None:
    command = tool("mmdebstrap")
    if command is None:
        raise CannotEmulate(f"no emulated Pi: mmdebstrap is not installed; {INSTALL}")
    done = subprocess.run(
        [
            command, "--variant=extract", "--architectures=arm64", "--format=directory",
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={','.join(PACKAGES)}", SUITE, str(root),
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        # It outlives us if we are killed, and nobody may begin anew before it has ended.
        pass_fds=[lock],
    )  # fmt: skip
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    if any(word in done.stderr for word in UNREACHABLE):
        raise CannotEmulate("no emulated Pi: Debian's packages cannot be reached: " + lines[0])
    raise RuntimeError(f"mmdebstrap failed:\n{done.stderr}")
