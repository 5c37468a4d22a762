"""A job for a runner; ``bench/on_device/job_format.py`` documents the JSON."""

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath

from bench.measurement.plan import Plan
from export.artifact import TensorInfo
from models.networks.spec import Preprocess
from quantize.runtime import names

VERSION = 3
# Of this machine, where the same runtime has two runners: that of its job in the native one.
NATIVE = {"litert-native": "litert", "onnxruntime-native": "onnxruntime"}
# What may be asked for, by format; a runner is never told the names in NATIVE.
RUNTIMES = {
    form: (*known, *(name for name, runtime in NATIVE.items() if runtime in known))
    for form, known in names.RUNTIMES.items()
}

# What a runner asks about the machine, and what is not known where that does not answer.
SOURCES = {
    "vcgencmd": "throttling",
    "cpufreq": "clocks and governors",
    "thermal": "temperature",
    "hwmon": "under-voltage",
}

HEADER_BYTES = 4096  # of an .npy file
START_ALLOWANCE_S = 120.0
IMAGE_ALLOWANCE_S = 2.0


@dataclass(frozen=True)
class Images:
    """The images to classify: ``shards`` are .npy files of at most ``count`` images [n, h, w, c],
    pixel values 0 to 255; the float32 [n, classes] outputs of each go to the one of ``outputs``.
    ``input`` and ``tensors``, the outputs, are those of the file."""

    shards: tuple[PurePath, ...]
    count: int
    preprocess: Preprocess
    input: TensorInfo
    tensors: tuple[TensorInfo, ...]
    outputs: tuple[PurePath, ...]

    @property
    def most_bytes(self) -> int:
        """More than the outputs of any shard can have."""
        values = sum(math.prod(tensor.shape[1:]) for tensor in self.tensors)
        return 4 * self.count * values + HEADER_BYTES

    def after(self, shards: int) -> "Images":
        """Without the first so many shards."""
        return replace(self, shards=self.shards[shards:], outputs=self.outputs[shards:])

    def as_dict(self) -> dict:
        return {
            "shards": [str(path) for path in self.shards],
            "scale": self.preprocess.scale,
            "offset": self.preprocess.offset,
            "input_scale": self.input.scale,
            "input_zero_point": self.input.zero_point,
            "output_scale": _of_each([tensor.scale for tensor in self.tensors]),
            "output_zero_point": _of_each([tensor.zero_point for tensor in self.tensors]),
            "outputs": [str(path) for path in self.outputs],
        }


def _of_each(values: list) -> float | int | list | None:
    """The value of a single output; of several a list."""
    return values if len(values) > 1 else values[0]


@dataclass(frozen=True)
class Job:
    """One artifact in one runtime: to be timed (``plan``), to classify ``images``, or both.

    ``in_turns``: each turn waits until it is asked for. ``affinity``: the cores to run on, None
    for all. ``profile_runs``: how often to run with the runtime's profiler on. ``unasked``: those
    of SOURCES that kept another run of this bench waiting. Paths are those of the machine that the
    job runs on.
    """

    artifact: PurePath
    format: str
    runtime: str
    threads: int
    plan: Plan | None = None
    images: Images | None = None
    in_turns: bool = False
    affinity: tuple[int, ...] | None = None
    profile_runs: int | None = None
    unasked: tuple[str, ...] = ()

    @property
    def allowance_s(self) -> float:
        """Far longer than the job, or a turn of it, should ever take; what runs past it hangs."""
        plan_s = self.plan.warmup_s + self.plan.time_limit_s if self.plan else 0.0
        images_s = self.images.count * IMAGE_ALLOWANCE_S if self.images else 0.0
        return START_ALLOWANCE_S + plan_s + images_s

    def to_json(self) -> str:
        return json.dumps(
            {
                "version": VERSION,
                "artifact": str(self.artifact),
                "format": self.format,
                "runtime": self.runtime,
                "threads": self.threads,
                "affinity": self.affinity,
                "plan": asdict(self.plan) if self.plan else None,
                "in_turns": self.in_turns,
                "images": self.images.as_dict() if self.images else None,
                "profile": {"runs": self.profile_runs} if self.profile_runs is not None else None,
                "unasked": self.unasked,
            }
        )
