"""The native runner on a phone: its bundle's files under their own names."""

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from bench.devices.file_store import FileStore
from bench.devices.native.bundle import Bundle
from bench.devices.transport.transport import Transport
from models.command_line.progress import Report

LINK_S = 60.0
# $1 the folder, then name and file by turns. Links, so that what two bundles share is there once.
LINK = """
folder=$1
shift
mkdir -p "$folder" || exit 1
while [ $# -gt 0 ]; do
    chmod 700 "$2" && ln -sf "$2" "$folder/$1" || exit 1
    shift 2
done
"""


def put_harness(
    transport: Transport, store: FileStore, bundle: Bundle, show: Report
) -> tuple[str, ...]:
    """The words that start the runner of ``bundle`` there; pushed as far as it is not there yet."""
    files = store.put_all([bundle.folder / name for name in bundle.names], show)
    # Among the files, by which an agent knows what is ours.
    folder = store.folder / _key(bundle.names, files)
    pairs = [word for pair in zip(bundle.names, files, strict=True) for word in pair]
    transport.run_check(["sh", "-c", LINK, "sh", folder, *pairs], LINK_S)
    return bundle.start_in(str(folder))


def _key(names: Sequence[str], files: Sequence[PurePosixPath]) -> str:
    """Another file, or another name for one, makes another folder."""
    pairs = zip(names, (file.name for file in files), strict=True)
    return hashlib.sha256(repr(sorted(pairs)).encode()).hexdigest()[:16]
