"""The root of an emulated phone: mksh, toybox and the folders of Android, and nothing of Debian.

The programs are Debian's and want its C library, which a phone has not. It lies where only they
look, so that a program which does not bring its own finds none here either.
"""

import hashlib
import os
import shutil
from pathlib import Path

from arm64.root import Recipe
from arm64.root import cached_root as cached

from device_android.settings import DATA, DEVICE, USER, USER_ID

INSTALL = "tests/device_android/install.sh"
PACKAGES = ("busybox-static", "libc6", "libcrypt1", "mksh", "toybox")
SCRIPTS = Path(__file__).parent / "bin"
# toybox of a phone has these, in Debian's they are left out; busybox does the same.
BORROWED = ("awk", "dd", "diff", "expr", "gzip", "tr")
APPLETS = (
    "[", "base64", "basename", "cat", "chgrp", "chmod", "chown", "chroot", "chrt", "cksum", "clear",
    "cmp", "comm", "cp", "cut", "date", "df", "dirname", "dmesg", "du", "echo", "egrep", "env",
    "expand", "fallocate", "false", "fgrep", "file", "find", "flock", "fmt", "free", "fsync",
    "getconf", "grep", "groups", "gunzip", "head", "hostname", "id", "ifconfig", "inotifyd",
    "ionice", "iorenice", "kill", "killall", "ln", "logger", "logname", "ls", "lsattr", "md5sum",
    "mkdir", "mkfifo", "mknod", "mktemp", "mount", "mountpoint", "mv", "nc", "netcat", "nice", "nl",
    "nohup", "nproc", "nsenter", "od", "paste", "patch", "pgrep", "pidof", "ping", "pkill", "pmap",
    "printenv", "printf", "prlimit", "ps", "pwd", "readelf", "readlink", "realpath", "renice",
    "rev", "rm", "rmdir", "sed", "seq", "setsid", "sha1sum", "sha224sum", "sha256sum", "sha384sum",
    "sha512sum", "sleep", "sort", "split", "stat", "strings", "sync", "sysctl", "tac", "tail",
    "tar", "taskset", "tee", "test", "time", "timeout", "top", "touch", "true", "truncate", "tty",
    "ulimit", "umount", "uname", "uniq", "unlink", "unshare", "uptime", "usleep", "uudecode",
    "uuencode", "vmstat", "watch", "wc", "which", "whoami", "xargs", "xxd", "yes", "zcat",
)  # fmt: skip
PROGRAMS = {"usr/bin/mksh": "sh", "usr/bin/toybox": "toybox",
            "usr/bin/busybox": "busybox"}  # fmt: skip
LIBRARIES = ("libc.so.6", "libcrypt.so.1", "libm.so.6")
# The loader, and the folder that it looks for libraries in: where they are in Debian and here.
# Both are written over in the programs' bytes, so the second of each pair must not be longer.
LOADER = (b"/lib/ld-linux-aarch64.so.1", b"/system/bin/linker64")
FOLDER = (b"/lib/aarch64-linux-gnu/", b"/system/lib64/toolbox/")
FOLDERS = {
    "dev": 0o755, "proc": 0o755, "run": 0o755, "sys": 0o755, "sdcard": 0o755, "vendor/bin": 0o755,
    "system/etc": 0o755, "data": 0o771, "data/local": 0o751, "data/misc": 0o751,
}  # fmt: skip
FILES = {
    "system/etc/passwd": f"root:x:0:0::/:/system/bin/sh\n{USER}:x:{USER_ID}:{USER_ID}::/:"
    "/system/bin/sh\n",
    "system/etc/group": "root:x:0:\ninput:x:1004:\nlog:x:1007:\nsdcard_rw:x:1015:\n"
    f"{USER}:x:{USER_ID}:\nnet_bt:x:3002:\ninet:x:3003:\nreadproc:x:3009:\n",
}


def cached_root() -> Path:
    """The folder of the root, shared and never to be written to. Raises CannotEmulate."""
    made_by = [Path(__file__), *sorted(SCRIPTS.iterdir())]
    finishing = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in made_by)
    return cached(Recipe(DEVICE, INSTALL, PACKAGES, finish, USER_ID, finishing=finishing))


def finish(root: Path) -> None:
    """Debian's files become those of a phone."""
    debian = root / "debian"
    debian.mkdir()
    for path in list(root.iterdir()):
        if path != debian:
            path.rename(debian / path.name)
    binaries, libraries = root / "system" / "bin", root / "system" / "lib64" / "toolbox"
    for folder in (binaries, libraries):
        folder.mkdir(parents=True)
    _take_programs(debian, binaries, libraries)
    shutil.rmtree(debian)
    for applet in APPLETS:
        (binaries / applet).symlink_to("toybox")
    for applet in BORROWED:
        (binaries / applet).symlink_to("busybox")
    for script in SCRIPTS.iterdir():
        shutil.copy(script, binaries)
        (binaries / script.name).chmod(0o755)
    for name, mode in FOLDERS.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(mode)
    for name, content in FILES.items():
        (root / name).write_text(content)
    for name in ("bin", "etc"):
        (root / name).symlink_to(f"system/{name}")
    _give_shell(root / DATA.lstrip("/"), 0o771)
    # The services of a phone keep their state for themselves; the scripts in their place are run
    # by who asks.
    _give_shell(root / "data" / "misc" / "services", 0o700)


def _take_programs(debian: Path, binaries: Path, libraries: Path) -> None:
    for source, name in PROGRAMS.items():
        content = _replaced((debian / source).read_bytes(), LOADER)
        (binaries / name).write_bytes(content)
    found = debian / "usr" / "lib" / "aarch64-linux-gnu"
    loader = (found / "ld-linux-aarch64.so.1").read_bytes()
    (binaries / "linker64").write_bytes(_replaced(loader, FOLDER))
    for name in LIBRARIES:
        (libraries / name).write_bytes((found / name).read_bytes())
    for program in binaries.iterdir():
        program.chmod(0o755)


def _replaced(content: bytes, pair: tuple[bytes, bytes]) -> bytes:
    old, new = pair
    # A folder's length is kept beside it, and "//" is the same folder.
    new = new.ljust(len(old), b"/" if old.endswith(b"/") else b"\0")
    return content.replace(old, new)


def _give_shell(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, USER_ID, USER_ID)
