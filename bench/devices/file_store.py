"""Files on a device, named by their hash: pushed once, whatever they were called here."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.devices.transport.transport import Transport
from models.command_line.progress import Report

FOLDER_S = 30.0
HASH_S = 600.0  # a gigabyte on an old SD card
# What is there under each of these names, as sha256sum tells it; what is missing says nothing.
THERE = """for path do
    if test -f "$path"; then sha256sum < "$path" && echo "$path" && touch "$path"; fi
done"""
SHARDS_BYTES = 2**30
# The names are hashes: nothing in them that a pipe could trip over.
FORGET_OLDEST = 'cd "$1" && ls -t | grep "[.]npy$" | tail -n "+$(($2 + 1))" | xargs rm -f'


class FileStore:
    """The folder ``files`` of a device's ``cache``.

    A file is there when its content is what its name says: one that a power cut left half written
    is pushed again. Of images no more than ``shards_bytes`` are kept, or what one call puts there.
    """

    def __init__(
        self, transport: Transport, cache: PurePosixPath, shards_bytes: int = SHARDS_BYTES
    ) -> None:
        self._shards_bytes = shards_bytes
        self.folder = cache / "files"
        self._transport = transport
        self._known: set[PurePosixPath] = set()

    def make_folder(self) -> None:
        """Make the folder; DeviceError where it cannot be made."""
        self._transport.run_check(["mkdir", "-p", self.folder], FOLDER_S)

    def put(self, path: Path, show: Report) -> PurePosixPath:
        """The name there of the file ``path``, pushed if it is not there yet."""
        return self.put_all([path], show)[0]

    def put_all(self, paths: Sequence[Path], show: Report) -> list[PurePosixPath]:
        """The names there of ``paths``, those that are not there yet pushed one after the other."""
        names = [self._name(path) for path in paths]
        asked = [name for name in dict.fromkeys(names) if name not in self._known]
        if asked:
            self._known |= self._found(asked)
        missing = {n: p for n, p in zip(names, paths, strict=True) if n not in self._known}
        self._make_room(list(missing.values()), names)
        for name, path in missing.items():
            self._transport.put(path, name, show)
            self._known.add(name)
        return names

    def remove(self, names: Sequence[PurePosixPath]) -> None:
        """Remove files there that are not wanted any more."""
        self._transport.run_check(["rm", "-f", *names], FOLDER_S)
        self._known -= set(names)

    def _make_room(self, missing: Sequence[Path], wanted: Sequence[PurePosixPath]) -> None:
        """Remove the shards that were not used for longest, none of those that are wanted now."""
        sizes = [path.stat().st_size for path in missing if path.suffix == ".npy"]
        if not sizes:
            return
        known_count = sum(name in self._known for name in wanted)
        kept = max(known_count, self._shards_bytes // max(sizes) - len(sizes))
        words = ["sh", "-c", FORGET_OLDEST, "sh", self.folder, str(kept)]
        self._transport.run_check(words, FOLDER_S)
        self._known = {n for n in self._known if n.suffix != ".npy"} | (self._known & {*wanted})

    def _name(self, path: Path) -> PurePosixPath:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return self.folder / (digest + path.suffix)

    def _found(self, names: Sequence[PurePosixPath]) -> set[PurePosixPath]:
        output = self._transport.run_check(["sh", "-c", THERE, "sh", *names], HASH_S)
        said = output.decode(errors="replace")
        return {name for name in names if f"{name.stem}  -\n{name}\n" in said}
