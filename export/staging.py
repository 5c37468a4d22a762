"""Files written whole or not at all: a folder of temporary name that is moved into place."""

import contextlib
import errno
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from export import earlier_export
from export.artifact import MANIFEST_NAME
from models.command_line import writable
from models.command_line.errors import DeviceError, RequestError
from models.scratch import folder_lock
from models.scratch.scratch_folder import PREFIX, scratch_folder

CANNOT_WRITE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
    errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EXDEV, errno.EFBIG,
}  # fmt: skip


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new folder beside ``folder`` for its coming files; gone afterwards, whatever happens.

    Those that a killed export left go, too. Raises RequestError where nothing can be written there,
    and where the disk becomes full.
    """
    made = [p for p in (folder.parent, *folder.parent.parents) if not p.exists()]
    try:
        place = _place(folder)
        place.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and (fault := writable.fault_of_folder(folder)):
            raise _refused(folder.parent, folder, fault)  # now, and not when its files are made
        with scratch_folder(place, f".{PREFIX}", ".partial") as temporary:
            yield Path(temporary)
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        raise _refused(folder.parent, folder.parent, error.strerror) from error
    finally:
        with contextlib.suppress(OSError):  # not empty: then it holds what was to be written
            for parent in made:
                parent.rmdir()


def _refused(out: Path, place: Path, why: str) -> RequestError:
    return RequestError(
        f"OUT is '{out}', and the files cannot be written to {place} ({why}); expected a folder "
        "with room that you may write to: make it one, or name another, OUT=/path/to/folder"
    )


def _place(folder: Path) -> Path:
    """Where files can be moved to ``folder`` from: on its file system, which a link may lead to."""
    real = Path(os.path.realpath(folder))
    return real if os.path.ismount(real) else real.parent


def publish(temporary: Path, folder: Path, kept: Collection[str], stored: bytes | None) -> None:
    """Move the files of ``temporary`` into ``folder``, the manifest last, one export at a time.

    An older manifest goes first, so that at no moment a manifest describes other files. Files that
    it lists go too, but for those that are ``kept``: no manifest would describe them. ``stored`` is
    the manifest that lists those; DeviceError, and nothing is moved, where another export has
    written another one since.
    """
    with folder_lock.locked(folder.parent):
        if kept and stored_manifest(folder) != stored:
            raise DeviceError(
                f"another export wrote {folder} while this one ran; run it again, or give each its "
                "own OUT"
            )
        earlier = earlier_export.read(folder)
        listed = {artifact.name for artifact in earlier.artifacts} if earlier else set()
        _move(temporary, folder, listed - set(kept))


def stored_manifest(folder: Path) -> bytes | None:
    """The content of the folder's manifest; None where there is none."""
    try:
        return (folder / MANIFEST_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _move(temporary: Path, folder: Path, earlier: Collection[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    files = sorted(temporary.iterdir(), key=lambda file: file.name == MANIFEST_NAME)
    for file in files:
        os.replace(file, folder / file.name)
    for name in {Path(name).name for name in earlier} - {file.name for file in files}:
        (folder / name).unlink(missing_ok=True)
