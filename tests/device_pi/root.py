"""The root of an emulated Pi: Raspberry Pi OS is a Debian, and this is what one finds in it."""

import os
from pathlib import Path

from arm64.root import Recipe
from arm64.root import cached_root as cached

from device_pi.settings import DEVICE, USER, USER_ID

INSTALL = "tests/device_pi/install.sh"
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


def cached_root() -> Path:
    """The folder of the root, shared and never to be written to. Raises CannotEmulate."""
    return cached(Recipe(DEVICE, INSTALL, PACKAGES, _make_home, USER_ID, TRIMMED, FILES, LINKS))


def _make_home(root: Path) -> None:
    home = root / "home" / USER
    home.mkdir()
    home.chmod(0o755)
    os.chown(home, USER_ID, USER_ID)
