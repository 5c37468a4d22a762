"""Predictions: the outputs of files for the images of an evaluation, on one device or several."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.devices.device import Device, stop_all
from bench.devices.in_parallel import in_parallel
from bench.engine.evaluation import Evaluation
from bench.engine.exported import Exported
from bench.engine.shards import Batch
from bench.engine.variant import Variant
from bench.measurement import output_arrays
from bench.measurement.job import Images, Job
from bench.measurement.result import RunFailed
from models.command_line.errors import DeviceError
from models.command_line.progress import Report, step
from models.data.saved_images import write_rows


@dataclass(frozen=True)
class Predictions:
    """Outputs of one variant on one device, by its name, for the images at ``indices``, float32
    [n, classes], on disk until the evaluation ends. ``outputs`` is None and ``error`` set where
    the variant did not run to the end."""

    device: str
    variant: Variant
    indices: np.ndarray
    outputs: np.ndarray | None
    error: DeviceError | None = None


def predict(
    asked: Sequence[tuple[Device, Sequence[Variant]]],
    exported: Exported,
    evaluation: Evaluation,
    threads: int,
    doing: str,
) -> Iterator[Predictions]:
    """Predictions of the variants, each on the device that it is ``asked`` of, as each is finished.

    Batch by batch, so that images are decoded once: all devices at the same time on one batch, the
    variants of a device one after the other. To be closed where it is not gone through to its end.
    """
    indices: list[int] = []
    with ExitStack() as shown:
        on_device = {}
        for n, (device, variants) in enumerate(asked):
            label = doing if len(asked) == 1 else device.name
            show, files = shown.enter_context(step(label)), f"outputs-{n}"
            on_device[device.name] = _OnDevice(device, variants, exported, evaluation, files, show)
        for batch in evaluation.batches:
            indices.extend(map(int, batch.indices))
            work = [
                (name, one.predict(batch, threads, len(indices))) for name, one in on_device.items()
            ]
            with in_parallel(work, partial(stop_all, [device for device, _ in asked])) as found:
                for name, variant in found:
                    if batch.is_last:
                        at = np.asarray(indices, np.int64)
                        outputs, error = on_device[name].outputs(variant, len(at))
                        yield Predictions(name, variant, at, outputs, error)


class _OnDevice:
    """The predictions of one device, batch by batch."""

    def __init__(
        self,
        device: Device,
        variants: Sequence[Variant],
        exported: Exported,
        evaluation: Evaluation,
        files: str,
        show: Report,
    ) -> None:
        self._device, self._exported, self._evaluation = device, exported, evaluation
        self._files, self._show = files, show
        self._made: dict[Variant, list[Path]] = {variant: [] for variant in variants}
        self._failed: dict[Variant, DeviceError] = {}

    def predict(self, batch: Batch, threads: int, seen: int) -> Iterator[Variant]:
        """Each variant when it is through with ``batch``, up to image ``seen``, or has failed."""
        for n, (variant, made) in enumerate(self._made.items()):
            if variant not in self._failed:
                total = len(self._evaluation.indices)
                self._show(f"{variant.title}, image", seen, total)
                parts = [
                    self._evaluation.folder / f"{self._files}-{n}-{len(made) + k}.npy"
                    for k in range(len(batch.shards))
                ]
                try:
                    _run(self._device, self._exported, variant, threads, batch, parts)
                    made.extend(parts)
                except DeviceError as error:
                    self._failed[variant] = error
            yield variant

    def outputs(
        self, variant: Variant, images: int
    ) -> tuple[np.ndarray | None, DeviceError | None]:
        """Outputs for so many images, or why there are none."""
        if variant in self._failed:
            return None, self._failed[variant]
        return _joined(self._made[variant], images), None


def _run(
    device: Device,
    exported: Exported,
    variant: Variant,
    threads: int,
    batch: Batch,
    outputs: Sequence[Path],
) -> None:
    """Write outputs float32 [n, classes] for each shard of ``batch``; RunFailed where there are
    none, or not as many as images."""
    artifact = variant.artifact
    images = Images(
        batch.shards,
        len(batch.indices),
        exported.manifest.preprocess,
        artifact.inputs[0],
        artifact.outputs,
        tuple(outputs),
    )
    path = exported.path(artifact)
    result = device.run(Job(path, artifact.format, variant.runtime, threads, images=images))
    if result.error:
        raise RunFailed(str(result.error))
    if (made := sum(map(output_arrays.images, outputs))) != len(batch.indices):
        raise RunFailed(f"{made} outputs for {len(batch.indices)} images")
    widths = {output_arrays.opened(path).shape[1] for path in outputs}
    expected = sum(math.prod(tensor.shape[1:]) for tensor in artifact.outputs)
    if widths != {expected}:
        found = ", ".join(map(str, sorted(widths)))
        raise RunFailed(f"{found} outputs for each image; expected {expected}")


def _joined(parts: list[Path], images: int) -> np.ndarray:
    """The outputs in ``parts`` as one array, on disk."""
    opened = [np.load(part, mmap_mode="r") for part in parts]
    if len(opened) == 1:
        return opened[0]
    path = parts[0].with_suffix(".whole.npy")
    write_rows(path, (images, opened[0].shape[1]), opened)
    for part in parts:
        part.unlink()
    return np.load(path, mmap_mode="r")
