"""Pin the published libraries: ``python -m bench.devices.native.pin`` downloads the archives of
android_harness/libraries.toml that have no sha256 there, compares each with the checksum that its
server has beside it, and writes its sha256 into the file.
"""

import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.devices.native.aar import LIMIT_BYTES, Aar, published, sha256_of
from bench.devices.native.download import download, text_of
from bench.devices.native.places import PLACES, Places
from models.command_line import command
from models.command_line.errors import CheckFailed, DeviceError
from models.command_line.options import OneLineParser
from models.command_line.progress import Report, step

CHECKSUMS = ("sha512", "sha256", "sha1")  # what servers of Maven have, the strongest first


def main(argv: Sequence[str]) -> int:
    """Run the command line ``argv``; its exit code."""
    return command.exit_code(lambda: _pin(argv), "interrupted; what is pinned stays so")


def _pin(argv: Sequence[str]) -> None:
    OneLineParser(prog="python -m bench.devices.native.pin", description=__doc__).parse_args(argv)
    with step("pinning") as show:
        for line in pinned(PLACES, show):
            print(line)


def pinned(places: Places, show: Report) -> list[str]:
    """What was pinned, a line each.

    DeviceError where an archive or its checksum cannot be had, CheckFailed where they differ.
    """
    lines = []
    for aar in published(places):
        if aar.sha256:
            continue
        with places.alone("aars") as kept:
            fresh = kept / f"{aar.name}.unchecked"
            download(aar.url, fresh, LIMIT_BYTES, show)
            checksum = _check(aar, fresh)
            sha256 = sha256_of(fresh)
            fresh.rename(kept / aar.name)
        _write(places.libraries_file, aar, sha256)
        lines.append(f"{aar.name}: sha256 {sha256}, as the server's {checksum} has it")
    return lines or ["every archive is pinned already"]


def _check(aar: Aar, archive: Path) -> str:
    """The checksum that agrees."""
    for kind in CHECKSUMS:
        said = text_of(f"{aar.url}.{kind}")
        if said is None:
            continue
        with archive.open("rb") as opened:
            found = hashlib.file_digest(opened, kind).hexdigest()
        if said.split()[:1] != [found]:
            archive.unlink()
            raise CheckFailed(
                f"{aar.url} has the {kind} {found}, and its server says {said.strip()[:128]!r}; "
                "it is not pinned: type it again, perhaps elsewhere"
            )
        return kind
    archive.unlink()
    raise DeviceError(f"{aar.url} has no {' or '.join(CHECKSUMS)} beside it; it is not pinned")


def _write(file: Path, aar: Aar, sha256: str) -> None:
    pattern = rf'(?m)^(url = "{re.escape(aar.url)}"\nsha256 = )""$'
    text, count = re.subn(pattern, rf'\g<1>"{sha256}"', file.read_text())
    if count != 1:
        raise DeviceError(f'{file} has no line sha256 = "" behind the url of {aar.name}')
    made = file.with_name(f"{file.name}.new")
    made.write_text(text)
    made.replace(file)


if __name__ == "__main__":
    command.end_as_by_ctrl_c()
    sys.exit(main(sys.argv[1:]))
