"""The Python runner as one file to push: an archive that Python starts (PEP 441).

Its bytes depend on the sources alone, so that a device that has it is not sent it again: sorted
names, one time stamp, and no compression, which differs between versions of zlib.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.command_line.scratch import scratch_folder

ROOT = Path(__file__).parents[2]
ON_DEVICE = ROOT / "bench" / "on_device"
PACKED = ("bench/on_device", "models/scratch", "quantize/runtime")
NAME = "runner.pyz"
ENTRY = "__main__.py"
TIME_STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows
UNIX = 3


def sources(root: Path = ROOT) -> dict[str, bytes]:
    """Content of each file of the archive, by its name there: packages as they are here, and the
    runner's entry point at the top, where Python looks for it."""
    folders = [root / folder for folder in PACKED]
    files = [file for folder in folders for file in folder.glob("*.py")]
    files += [folder.parent / "__init__.py" for folder in folders]
    named = {file.relative_to(root).as_posix(): file.read_bytes() for file in files}
    named[ENTRY] = named.pop(f"{PACKED[0]}/{ENTRY}")
    return named


def archive(named: Mapping[str, bytes]) -> bytes:
    """The archive of such files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted(named):
            entry = zipfile.ZipInfo(name, TIME_STAMP)
            entry.create_system = UNIX
            packed.writestr(entry, named[name])
    return made.getvalue()


@contextmanager
def runner_file() -> Iterator[Path]:
    """The archive as a file, for as long as the block lasts."""
    with scratch_folder() as folder:
        path = folder / NAME
        path.write_bytes(archive(sources()))
        yield path
