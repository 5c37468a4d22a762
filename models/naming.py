"""The identity of a network: the hash of its weights, the name of its folder."""

import hashlib
import os
import re
from pathlib import Path

from models.command_line.options import Options

LONGEST_NAME = 120  # file systems take 255 bytes, of which names made from this one need some


def content_sha256(path: Path, *further: Path) -> str:
    """SHA-256 (hex) of a file, or of the names and contents of a folder's files; ``further`` files
    belong to it."""
    whole = hashlib.sha256()
    own = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in (*own, *further):
        if file != path:
            folder = path if path.is_dir() else path.parent
            whole.update(os.fsencode(file.relative_to(folder)) + b"\0")
        with file.open("rb") as opened:
            left = os.fstat(opened.fileno()).st_size  # 0 of those in /proc, which may never end
            while chunk := opened.read(min(left, 1 << 20)):
                whole.update(chunk)
                left -= len(chunk)
    return whole.hexdigest()


def safe_name(name: str) -> str:
    """``name`` as a folder name: letters, digits, dot, dash and underscore; a long one ends with
    a part of its hash."""
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "model"
    if len(found) <= LONGEST_NAME:
        return found
    digest = hashlib.sha256(found.encode()).hexdigest()[:8]
    return f"{found[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def foreign_data_warnings(options: Options, labels_known: bool) -> tuple[str, ...]:
    """Warnings about weights that were not trained on the demo images but are used with them."""
    found = []
    if options.calib == "demo":
        found.append("int8 calibrated on Fashion-MNIST; give images of its own kind: CALIB=folder")
    if options.data == "demo" and not labels_known:
        found.append("evaluated on Fashion-MNIST images without labels; give your own: DATA=folder")
    return tuple(found)
