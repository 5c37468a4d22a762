"""WEIGHTS=imagenet: the published ``keras.applications`` files, downloaded once and checked.

Only files with a digest pinned here are downloaded; a first download is never simply trusted.
"""

import hashlib
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from models.command_line.cache import cache_folder
from models.command_line.errors import DeviceError, RequestError
from models.networks.registry import check_arch

BASE_URL = "https://storage.googleapis.com/tensorflow/keras-applications"
STALL_TIMEOUT_S = 20.0
TOTAL_TIMEOUT_S = 600.0
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Digest:
    """Content hash of a file, as its publisher (or an independent user of it) gives it."""

    algorithm: str
    hex: str


@dataclass(frozen=True)
class PublishedFile:
    """A weights file on the network; ``digest`` is None where nobody has published one."""

    url: str
    digest: Digest | None

    @property
    def name(self) -> str:
        """Last part of the address, also the name in the cache."""
        return self.url.rpartition("/")[2]


# Keras pins MD5 for V3 and Xception (keras/src/applications/) and nothing for V1 and V2. The
# SHA-256 of V2 is given alike by three independent projects; the MD5 of V1 by one, whose other
# digests equal Keras's own wherever Keras has them.
PINNED = {
    "mobilenet_1_0_224_tf.h5": Digest("md5", "03394917f9a9ea3362f46332a5b6a215"),
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5": Digest(
        "sha256", "3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3"
    ),
    "weights_mobilenet_v3_large_224_0.75_float.h5": Digest(
        "md5", "765b44a33ad4005b3ac83185abf1d0eb"
    ),
    "weights_mobilenet_v3_large_224_1.0_float.h5": Digest(
        "md5", "59e551e166be033d707958cf9e29a6a7"
    ),
    "weights_mobilenet_v3_large_minimalistic_224_1.0_float.h5": Digest(
        "md5", "675e7b876c45c57e9e63e6d90a36599c"
    ),
    "weights_mobilenet_v3_small_224_0.75_float.h5": Digest(
        "md5", "cb65d4e5be93758266aa0a7f2c6708b7"
    ),
    "weights_mobilenet_v3_small_224_1.0_float.h5": Digest(
        "md5", "8768d4c2e7dee89b9d02b2d03d65d862"
    ),
    "weights_mobilenet_v3_small_minimalistic_224_1.0_float.h5": Digest(
        "md5", "99cd97fb2fcdad2bf028eb838de69e37"
    ),
    "xception_weights_tf_dim_ordering_tf_kernels.h5": Digest(
        "md5", "0a58e3b7378bc2990ea3b43d5981f1f6"
    ),
}


def _published() -> dict[tuple[str, float, int], PublishedFile]:
    """Every file that keras.applications offers with a classifier, by ARCH, ALPHA and RES."""
    names = {}
    for alpha, text in ((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0")):
        for size in (128, 160, 192, 224):
            names["v1", alpha, size] = f"mobilenet/mobilenet_{text}_{size}_tf.h5"
    for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4):
        for size in (96, 128, 160, 192, 224) if alpha <= 1 else (224,):
            name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}.h5"
            names["v2", alpha, size] = f"mobilenet_v2/{name}"
    for variant in ("large", "small", "large_minimalistic", "small_minimalistic"):
        for alpha in (1.0,) if "minimalistic" in variant else (0.75, 1.0):
            name = f"weights_mobilenet_v3_{variant}_224_{alpha}_float.h5"
            names["v3-" + variant.replace("_", "-"), alpha, 224] = f"mobilenet_v3/{name}"
    names["xception", 1.0, 299] = "xception/xception_weights_tf_dim_ordering_tf_kernels.h5"
    return {
        key: PublishedFile(f"{BASE_URL}/{name}", PINNED.get(name.rpartition("/")[2]))
        for key, name in names.items()
    }


PUBLISHED = _published()


def find(arch: str, alpha: float, resolution: int) -> PublishedFile:
    """The published file of one network, with a digest to check it by.

    Raises RequestError naming the ALPHA and RES that there are, and for a file that nobody has
    published a digest of.
    """
    check_arch(arch)
    file = PUBLISHED.get((arch, float(alpha), resolution))
    pinned = ", ".join(
        f"ALPHA={a:g} RES={r}" for (known, a, r), row in PUBLISHED.items()
        if known == arch and row.digest
    )  # fmt: skip
    if file is None:
        expected = f"expected {pinned}, or" if pinned else "none is published; use"
        raise RequestError(
            f"WEIGHTS=imagenet has no file for ARCH={arch} ALPHA={alpha:g} RES={resolution}; "
            f"{expected} WEIGHTS=path of your own weights"
        )
    if file.digest is None:
        raise RequestError(
            f"WEIGHTS=imagenet has no pinned digest for ARCH={arch} ALPHA={alpha:g} "
            f"RES={resolution} and downloads nothing unchecked; expected {pinned}, or download "
            f"{file.url} yourself and use WEIGHTS=path"
        )
    return file


def fetch(arch: str, alpha: float, resolution: int) -> Path:
    """Path of the checked ImageNet weights of one network, downloaded the first time.

    Raises RequestError as ``find`` does and DeviceError as ``download`` does.
    """
    return download(find(arch, alpha, resolution), cache_folder("weights"))


def download(file: PublishedFile, folder: Path, total_timeout_s: float = TOTAL_TIMEOUT_S) -> Path:
    """``file`` in ``folder``, whole and with the right digest; from there if it is there already.

    Raises DeviceError, in one line and leaving no part of a file, when the network fails, stalls
    or takes longer than ``total_timeout_s``, when the digest differs, or on a full disk.
    """
    path = folder / file.name
    if path.is_file() and _digest_of(path, file.digest.algorithm) == file.digest.hex:
        return path
    host = urlsplit(file.url).netloc
    partial = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as opened:
            partial = Path(opened.name)
            _receive(file, opened, time.monotonic() + total_timeout_s)
        found = _digest_of(partial, file.digest.algorithm)
        if found != file.digest.hex:
            raise DeviceError(
                f"{file.name} from {host} has {file.digest.algorithm} {found}, expected "
                f"{file.digest.hex}; nothing was kept: try again, or use WEIGHTS=path"
            )
        os.replace(partial, path)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise DeviceError(
            f"{file.name} could not be downloaded from {host} to {folder} ({reason}); download "
            f"{file.url} on a machine with a network and use WEIGHTS=path"
        ) from error
    finally:
        if partial:
            partial.unlink(missing_ok=True)
    return path


def _receive(file, opened, deadline_s):
    """Copy what the network sends into ``opened``, showing progress on standard error."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with (
        urllib.request.urlopen(file.url, timeout=STALL_TIMEOUT_S) as response,
        Progress(*columns, console=Console(file=sys.stderr)) as progress,
    ):
        length = response.headers.get("Content-Length")
        task = progress.add_task(file.name, total=int(length) if length else None)
        received = 0
        while chunk := response.read(CHUNK_BYTES):
            opened.write(chunk)
            received += len(chunk)
            progress.update(task, completed=received)
            if time.monotonic() > deadline_s:
                raise TimeoutError("it took too long")
        if length and received != int(length):
            raise ConnectionError(f"cut off after {received} of {length} bytes")


def _digest_of(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()
