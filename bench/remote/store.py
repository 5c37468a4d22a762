"""Files on a device, named by their hash: pushed once, whatever they were called here."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.remote.transport import Transport
from models.progress import Report

FOLDER_S = 30.0
HASH_S = 600.0  # a gigabyte on an old SD card
# What is there under each of these names, as sha256sum tells it; those that are missing are not.
THERE = 'for path do if test -f "$path"; then sha256sum < "$path" && echo "$path"; fi; done'


class Store:
    """The folder ``files`` of a device's ``cache``.

    A file is there when its content is what its name says: one that a power cut left half written
    is pushed again.
    """

    def __init__(self, transport: Transport, cache: PurePosixPath) -> None:
        self.folder = cache / "files"
        self._transport = transport
        self._known: set[PurePosixPath] = set()

    def make_folders(self) -> None:
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
        for name, path in zip(names, paths, strict=True):
            if name not in self._known:
                if name.parent != self.folder:
                    self._transport.run_check(["mkdir", "-p", name.parent], FOLDER_S)
                self._transport.put(path, name, show)
                self._known.add(name)
        return names

    def forget(self) -> None:
        """Ask anew what is there: the line broke, the device may have lost power."""
        self._known.clear()

    def _name(self, path: Path) -> PurePosixPath:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # pip reads a wheel's name.
        return (
            self.folder / digest / path.name
            if path.suffix == ".whl"
            else (self.folder / (digest + path.suffix))
        )

    def _found(self, names: Sequence[PurePosixPath]) -> set[PurePosixPath]:
        said = self._transport.run_check(["sh", "-c", THERE, "sh", *names], HASH_S).decode()
        found = set()
        for name in names:
            digest = name.stem if name.parent == self.folder else name.parent.name
            if f"{digest}  -\n{name}\n" in said:
                found.add(name)
        return found
