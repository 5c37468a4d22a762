"""What artifacts are judged on, and what they answer there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.device import Device
from bench.exported import Exported
from bench.job import Images, Job, RunFailed
from bench.shards import Batch, Batches
from export.artifact import Artifact
from models.dataset import Dataset, open_dataset
from models.errors import RequestError
from models.image_source import ImageSize
from models.options import Options
from quantize.fidelity import answers


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


def predict(
    device: Device,
    exported: Exported,
    artifact: Artifact,
    runtime: str,
    threads: int,
    batch: Batch,
) -> np.ndarray:
    """The class, int64 [n], that ``artifact`` says for each image of ``batch``, run on ``device``.

    RunFailed with the runner's error where it gave no outputs, or not as many as images.
    """
    outputs = batch.shards[0].parent / "outputs.npy"
    images = Images(
        batch.shards,
        len(batch.indices),
        exported.manifest.preprocess,
        artifact.inputs[0],
        artifact.outputs[0],
        outputs,
    )
    job = Job(exported.path(artifact), artifact.format, runtime, threads, images=images)
    result = device.run(job)
    if result.error:
        raise RunFailed(str(result.error))
    made = np.load(outputs)
    outputs.unlink()
    if len(made) != len(batch.indices):
        raise RunFailed(f"{len(made)} outputs for {len(batch.indices)} images")
    return answers(made, exported.manifest.output_kind)
