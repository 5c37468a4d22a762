"""Groups of files that take turns together: as many as the device's memory holds at a time."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bench.measurement.job import Job

K = TypeVar("K")
MIB = 2**20
# Of the free memory. Runners of one runtime share its code, which is loaded once; that, and what
# else the device does, has the rest.
SHARE = 0.8


@dataclass(frozen=True)
class Footprint:
    """Memory that a warmed-up runner shares with nobody: what it has without a model, and how many
    bytes for each byte of the file."""

    alone_bytes: int
    of_file: float

    def of(self, file_bytes: int) -> float:
        return self.alone_bytes + self.of_file * file_bytes


# Not below what was measured (x86_64, 2 threads) for the float32, float16 and int8 files of V2 0.35
# 96, V3-Large 0.35 96 and V1 1.0 224. float16 files, which become float32 and are then packed, take
# the most for their size: 3.1 to 6.5 bytes a byte; float32 and int8 files 1.3 to 3.2.
FOOTPRINTS = {
    "litert": Footprint(28 * MIB, 5),
    "litert-builtin": Footprint(28 * MIB, 6),
    "tflite-runtime": Footprint(28 * MIB, 6),
    # Not measured: as litert, and what the driver of an accelerator copies.
    "litert-gpu": Footprint(56 * MIB, 10),
    "litert-npu": Footprint(56 * MIB, 10),
    "onnxruntime": Footprint(44 * MIB, 7),
    # Measured likewise: without Python, what is left is the runtime and the file.
    "litert-native": Footprint(2 * MIB, 4),
    "onnxruntime-native": Footprint(14 * MIB, 7),
}


def turn_groups(
    jobs: Mapping[K, Job], free_bytes: int | None, together: Callable[[K], Hashable]
) -> list[list[K]]:
    """The keys of ``jobs`` in their order, in groups that ``free_bytes`` hold (None: not known, so
    all at once). Keys that are the same ``together`` are in the same group, and so are those of
    what no group could hold."""
    bundles: dict[Hashable, list[K]] = {}
    for key in jobs:
        bundles.setdefault(together(key), []).append(key)
    groups, left = [], 0.0
    for keys in bundles.values():
        needed = sum(map(footprint_bytes, (jobs[key] for key in keys)))
        if not groups or (free_bytes is not None and needed > left):
            groups.append([])
            left = SHARE * (free_bytes or 0)
        groups[-1] += keys
        left -= needed
    return groups


def footprint_bytes(job: Job) -> float:
    """An estimate of the memory that the runner of ``job`` has to itself."""
    # Whether there is such a file is for its runner to say.
    size = job.artifact.stat().st_size if job.artifact.is_file() else 0
    return FOOTPRINTS[job.runtime].of(size)
