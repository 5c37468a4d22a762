"""Files written whole or not at all: a folder of temporary name that is moved into place."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from export.artifact import MANIFEST_NAME
from models.command_line.errors import RequestError

CANNOT_WRITE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
    errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG,
}  # fmt: skip


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new folder beside ``folder`` for its coming files; gone afterwards, whatever happens.

    Raises RequestError where nothing can be written there, and where the disk becomes full.
    """
    made = [p for p in (folder.parent, *folder.parent.parents) if not p.exists()]
    temporary = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    try:
        temporary.mkdir(parents=True)
        yield temporary
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        raise RequestError(
            f"OUT is '{folder.parent}', where the files cannot be written ({error.strerror}); "
            "expected a folder with room and write permission, for example OUT=artifacts"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # not empty: then it holds what was to be written
            for parent in made:
                parent.rmdir()


def publish(temporary: Path, folder: Path, earlier: Iterable[str] = ()) -> None:
    """Move the files of ``temporary`` into ``folder``, the manifest last.

    An older manifest goes first, so that at no moment a manifest describes other files. Files of
    the ``earlier`` export that are not made again go too: no manifest would describe them.
    """
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    files = sorted(temporary.iterdir(), key=lambda file: file.name == MANIFEST_NAME)
    for file in files:
        os.replace(file, folder / file.name)
    for name in {Path(name).name for name in earlier} - {file.name for file in files}:
        (folder / name).unlink(missing_ok=True)
