"""What a runner is asked and what it answers; ``bench/runner.py`` documents the JSON of both."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.plan import Plan
from export.artifact import TensorInfo
from models.errors import DeviceError
from models.spec import Preprocess

VERSION = 1
RUNTIMES = {"tflite": ("litert", "tflite-runtime"), "onnx": ("onnxruntime",)}

START_ALLOWANCE_S = 120.0
IMAGE_ALLOWANCE_S = 2.0


@dataclass(frozen=True)
class Images:
    """What to classify: ``shards`` are .npy files of ``count`` images [n, h, w, c] in all, pixel
    values 0 to 255; the float32 [count, classes] outputs go to ``outputs``."""

    shards: tuple[Path, ...]
    count: int
    preprocess: Preprocess
    input: TensorInfo
    output: TensorInfo
    outputs: Path

    def as_dict(self) -> dict:
        return {
            "shards": [str(path) for path in self.shards],
            "scale": self.preprocess.scale,
            "offset": self.preprocess.offset,
            "input_scale": self.input.scale,
            "input_zero_point": self.input.zero_point,
            "output_scale": self.output.scale,
            "output_zero_point": self.output.zero_point,
            "outputs": str(self.outputs),
        }


@dataclass(frozen=True)
class Job:
    """One artifact in one runtime: to be timed (``plan``), to classify ``images``, or both."""

    artifact: Path
    format: str
    runtime: str
    threads: int
    plan: Plan | None = None
    images: Images | None = None

    @property
    def allowance_s(self) -> float:
        """Far longer than the job should ever take; what runs past it hangs."""
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
                "plan": asdict(self.plan) if self.plan else None,
                "images": self.images.as_dict() if self.images else None,
            }
        )


@dataclass(frozen=True)
class RunError:
    """Why a run gave nothing. Beside the runner's own kinds: "crashed", "timed_out", "garbage",
    "not_started"."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')}: {self.message}"


class RunFailed(DeviceError):
    """A run that something else depends on gave an error."""


@dataclass(frozen=True)
class Result:
    """What a run measured; None is what it did not get to. ``threads`` is what the runtime was
    asked for; ``prepare_ns`` is None where the runtime prepares while it loads."""

    runtime: str
    runtime_version: str | None = None
    threads: int | None = None
    load_ns: int | None = None
    prepare_ns: int | None = None
    first_inference_ns: int | None = None
    samples_ns: tuple[int, ...] = ()
    peak_rss_bytes: int | None = None
    images: int = 0
    error: RunError | None = None

    @classmethod
    def from_json(cls, text: str, job: Job) -> "Result":
        """The answer to ``job`` in ``text``; ValueError where it is not one."""
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.pop("version", None) != VERSION:
            raise ValueError(f"not a result of version {VERSION}")
        try:
            error = raw.pop("error")
            made = cls(
                **{**raw, "runtime": job.runtime, "samples_ns": tuple(raw["samples_ns"])},
                error=RunError(str(error["kind"]), str(error["message"])) if error else None,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a result: {error}") from error
        times = (made.load_ns, made.prepare_ns, made.first_inference_ns, made.peak_rss_bytes)
        counts = [*made.samples_ns, made.images, *(t for t in times if t is not None)]
        if not all(type(count) is int and 0 <= count < 2**63 for count in counts):
            raise ValueError("a time or count in it is not a whole number of nanoseconds or items")
        if not made.error and (made.load_ns is None or (job.plan and not made.samples_ns)):
            raise ValueError("it has neither times nor an error")
        return made

    @classmethod
    def failed(cls, job: Job, kind: str, message: str) -> "Result":
        """The result of a run that ended without one of its own."""
        return cls(job.runtime, threads=job.threads, error=RunError(kind, message))
