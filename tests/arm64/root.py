"""A Debian arm64 root: made once, then taken from the cache.

No maintainer script runs, so nothing is emulated while it is made; what the scripts would have
written is written here.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from arm64.missing import CannotEmulate, tool
from models.command_line.progress import step

SUITE = "bookworm"
# What apt says when the package servers cannot be reached, as opposed to a wrong package name.
UNREACHABLE = ("Could not resolve", "Could not connect", "Unable to connect", "Connection failed",
               "Temporary failure", "timed out", "Network is unreachable")  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Recipe of a root made of Debian's arm64 packages.

    ``device`` and ``install`` are for messages. ``trimmed`` folders are removed, ``files`` and
    ``links`` written; ``finish`` then does the rest to the root, for a home of ``user_id``.
    ``finishing`` is anything that tells one ``finish`` from another.
    """

    device: str
    install: str
    packages: tuple[str, ...]
    finish: Callable[[Path], None]
    user_id: int
    trimmed: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    finishing: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The root's in the cache: another recipe has another one."""
        parts = [SUITE, self.packages, self.trimmed, self.files, self.links, self.user_id]
        text = json.dumps([*parts, *self.finishing])
        return f"{SUITE}-arm64-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def cached_root(recipe: Recipe) -> Path:
    """The folder of a root as ``recipe`` makes it, shared and never to be written to.

    Raises CannotEmulate where the packages cannot be had.
    """
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / recipe.name
    with _locked(cache / "lock") as lock:
        if not root.exists():
            # Only a maker that was killed can have left one, and what it started has ended too.
            unfinished = cache / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            with step(recipe.device) as show:
                show("making a Debian arm64 root, the first time only")
                _make(recipe, unfinished, lock)
            unfinished.rename(root)
    return root


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "mobilenet-deploy-tests"


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Holds the lock; the descriptor that does, which children may hold on to."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _make(recipe: Recipe, root: Path, lock: int) -> None:
    _extract(recipe, root, lock)
    for name in recipe.trimmed:
        shutil.rmtree(root / name)
    for name, content in recipe.files.items():
        (root / name).write_text(content)
        (root / name).chmod(0o644)
    for name, target in recipe.links.items():
        (root / name).symlink_to(target)
    recipe.finish(root)


def _extract(recipe: Recipe, root: Path, lock: int) -> None:
    command = tool("mmdebstrap")
    if command is None:
        hint = f"{recipe.install} installs it on Debian"
        raise CannotEmulate(f"no {recipe.device}: mmdebstrap is not installed; {hint}")
    done = subprocess.run(
        [
            command, "--variant=extract", "--architectures=arm64", "--format=directory",
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={','.join(recipe.packages)}", SUITE, str(root),
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        # It outlives us if we are killed, and nobody may begin anew before it has ended.
        pass_fds=[lock],
    )  # fmt: skip
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    if any(word in done.stderr for word in UNREACHABLE):
        raise CannotEmulate(f"no {recipe.device}: Debian's packages cannot be reached: " + lines[0])
    raise RuntimeError(f"mmdebstrap failed:\n{done.stderr}")
