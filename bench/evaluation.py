"""What files are judged on, and what they answer there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.device import Device
from bench.exported import Exported
from bench.job import Images, Job
from bench.result import RunFailed
from bench.shards import Batch, Batches
from bench.variant import Variant
from models.dataset import Dataset, open_dataset
from models.errors import RequestError
from models.image_source import ImageSize
from models.options import Options
from models.progress import Report


@dataclass(frozen=True)
class Evaluation:
    """Images of ``dataset`` at ``indices``; ``labels_known`` says whether the model was trained
    for its classes. ``folder`` is for what runners read and write, and temporary."""

    dataset: Dataset
    indices: np.ndarray
    labels_known: bool
    batches: Batches
    folder: Path

    def labels(self, indices: np.ndarray) -> np.ndarray | None:
        """Right answers, int64 [n]; None where the model cannot know them."""
        return self.dataset.labels[indices] if self.labels_known else None


@dataclass(frozen=True)
class Answers:
    """Outputs of one variant for the images at ``indices``, float32 [n, classes], on disk until
    the evaluation ends. An ``error`` has its place where the variant did not run to the end."""

    variant: Variant
    indices: np.ndarray
    outputs: np.ndarray | None
    error: RunFailed | None = None


@contextmanager
def open_evaluation(
    options: Options, exported: Exported, labels_known: bool, n_default: int | None
) -> Iterator[Evaluation]:
    """The evaluation that ``options`` ask for: N_EVAL images of DATA, ``n_default`` (None: all)
    when nothing is said. RequestError when there is none or N_EVAL is no count."""
    manifest = exported.manifest
    size = ImageSize(*manifest.artifacts[0].inputs[0].shape[1:])
    classes = manifest.classes if labels_known else None
    dataset = open_dataset(options.data, "DATA", size, classes, options.skip_corrupt)
    if not len(dataset):
        raise RequestError(f"DATA={options.data} has no images; nothing to judge on")
    wanted = n_default if options.n_eval is None else options.n_eval
    indices = dataset.spread(len(dataset) if wanted is None else wanted)
    with TemporaryDirectory(prefix="bench-") as folder:
        batches = Batches(dataset, indices, Path(folder) / "batch")
        yield Evaluation(dataset, indices, labels_known, batches, Path(folder))


def answers(
    device: Device,
    exported: Exported,
    variants: Sequence[Variant],
    evaluation: Evaluation,
    threads: int,
    show: Report,
) -> Iterator[Answers]:
    """What each variant answers on ``device``, one after the other as each is finished.

    Batch by batch, every variant on each, so that images are decoded once.
    """
    made: dict[Variant, list[Path]] = {variant: [] for variant in variants}
    failed: dict[Variant, RunFailed] = {}
    indices: list[int] = []
    total = len(evaluation.indices)
    for batch in evaluation.batches:
        indices.extend(map(int, batch.indices))
        for n, variant in enumerate(variants):
            if variant not in failed:
                show(f"{variant.artifact.name} in {variant.runtime}, image", len(indices), total)
                parts = [
                    evaluation.folder / f"outputs-{n}-{len(made[variant]) + k}.npy"
                    for k in range(len(batch.shards))
                ]
                try:
                    _predict(device, exported, variant, threads, batch, parts)
                    made[variant].extend(parts)
                except RunFailed as error:
                    failed[variant] = error
            if batch.is_last:
                at = np.asarray(indices, np.int64)
                outputs = None if variant in failed else _joined(made[variant], len(at))
                yield Answers(variant, at, outputs, failed.get(variant))


def _predict(
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
        artifact.outputs[0],
        tuple(outputs),
    )
    path = exported.path(artifact)
    result = device.run(Job(path, artifact.format, variant.runtime, threads, images=images))
    if result.error:
        raise RunFailed(str(result.error))
    if (made := sum(len(np.load(path, mmap_mode="r")) for path in outputs)) != len(batch.indices):
        raise RunFailed(f"{made} outputs for {len(batch.indices)} images")


def _joined(parts: list[Path], images: int) -> np.ndarray:
    """The outputs in ``parts`` as one array, on disk."""
    opened = [np.load(part, mmap_mode="r") for part in parts]
    if len(opened) == 1:
        return opened[0]
    path = parts[0].with_suffix(".whole.npy")
    whole = np.lib.format.open_memmap(path, "w+", np.float32, (images, opened[0].shape[1]))
    start = 0
    for part in opened:
        whole[start : start + len(part)] = part
        start += len(part)
    for part in parts:
        part.unlink()
    return whole
