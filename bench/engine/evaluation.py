"""The images that files are evaluated on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.engine.exported import Exported
from bench.engine.shards import Batches
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.dataset import Dataset, open_dataset
from models.data.image_source import ImageSize


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
        """True classes, int64 [n]; None where the model was not trained for them."""
        return self.dataset.labels[indices] if self.labels_known else None


@contextmanager
def open_evaluation(
    options: Options, exported: Exported, labels_known: bool, n_default: int | None
) -> Iterator[Evaluation]:
    """The evaluation that ``options`` ask for: N_EVAL images of DATA, ``n_default`` (None: all)
    without N_EVAL. RequestError when there are no images or N_EVAL is no count."""
    manifest = exported.manifest
    size = ImageSize(*manifest.artifacts[0].inputs[0].shape[1:])
    classes = manifest.classes if labels_known else None
    dataset = open_dataset(options.data, "DATA", size, classes, options.skip_corrupt)
    if not len(dataset):
        raise RequestError(f"DATA={options.data} has no images; nothing to evaluate on")
    wanted = n_default if options.n_eval is None else options.n_eval
    indices = dataset.spread(len(dataset) if wanted is None else wanted)
    with TemporaryDirectory(prefix="bench-") as folder:
        batches = Batches(dataset, indices, Path(folder) / "batch")
        yield Evaluation(dataset, indices, labels_known, batches, Path(folder))
