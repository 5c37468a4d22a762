"""Sources of the native runner, and their digest."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

TEXTS = {".md", ".sh"}
KEY_CHARACTERS = 16
# Tables of the Python runner that android_harness/tables.py makes a header of.
SHARED_TABLES = (
    "bench/on_device/core_names.py",
    "bench/on_device/operator_alignment.py",
    "quantize/runtime/names.py",
)


def digest_of(harness: Path, words: Iterable[str]) -> str:
    """Digest of the sources in ``harness`` and beside it, of the code that builds them, and of
    ``words``."""
    found = hashlib.sha256()
    for file in _files(harness):
        content = file.read_bytes()
        found.update(f"{file.name} {file.parent.name} {len(content)}\n".encode())
        found.update(content)
    for word in words:
        found.update(f"{len(word)} {word}\n".encode())
    return found.hexdigest()[:KEY_CHARACTERS]


def _files(harness: Path) -> Iterator[Path]:
    own = (f for f in harness.rglob("*") if f.is_file() and f.suffix not in TEXTS)
    yield from sorted(f for f in own if "__pycache__" not in f.parts)
    yield from (harness.parent / name for name in SHARED_TABLES)
    yield from sorted(Path(__file__).parent.glob("*.py"))
