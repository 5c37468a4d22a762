"""Zip archives that hold what they say: members looked at first, and read no further than that."""

import contextlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from models.command_line.errors import RequestError
from models.untrusted_files import unpacked_size

# What a broken archive makes zipfile raise; callers say which file it is.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError,
    NotImplementedError, OverflowError,
)  # fmt: skip
# Those that can be unpacked a piece at a time; Keras packs nothing.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_MEMBERS = 1000  # Keras writes three, and a few files of vocabularies
ENCRYPTED = 0x1  # of a member's flags
PIECE_BYTES = 1 << 20
REMEDY = "expected an archive as Keras writes it: save the model again with model.save"


@contextlib.contextmanager
def opened(path: Path, what: str) -> Iterator[zipfile.ZipFile]:
    """The archive at ``path``. RequestError, which begins with ``what``, where its members are none
    that Keras writes; what zipfile raises for damage is one of ``DAMAGE``."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise RequestError(f"{what} has {len(members):,} members; {REMEDY}")
        names = set()
        for member in members:
            found = _wrong(member, names)
            if found:
                raise RequestError(f"{what} has a member {member.filename!r} {found}; {REMEDY}")
            names.add(member.filename)
        unpacked_size.check(sum(member.file_size for member in members), path.stat().st_size, what)
        yield archive


def _wrong(member: zipfile.ZipInfo, before: set[str]) -> str | None:
    name = PurePosixPath(member.filename)
    if member.filename in before:
        return "twice"
    if name.is_absolute() or ".." in name.parts:
        return "outside of itself"
    if member.flag_bits & ENCRYPTED:
        return "that is encrypted"
    if member.compress_type not in METHODS:
        return f"packed by method {member.compress_type}, which is not known here"
    return None


def content(archive: zipfile.ZipFile, name: str) -> bytes:
    """The member ``name``, checked by its checksum; KeyError where there is none.

    Piece by piece: in one go zipfile would unpack all that there is, whatever size is declared.
    """
    with archive.open(name) as member:
        return b"".join(iter(lambda: member.read(PIECE_BYTES), b""))
