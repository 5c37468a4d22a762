"""The images that files are evaluated on."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.engine.exported import Exported
from bench.engine.shards import BATCH_BYTES, Batches
from models.command_line.errors import DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from models.data import set_aside
from models.data.dataset import Dataset, open_dataset

MIB = 2**20


@dataclass(frozen=True)
class Evaluation:
    """Images of ``dataset`` at ``indices``, of the ``available`` ones among which they were chosen;
    ``labels_known`` says whether the model gives classes, and was trained for those of the images.
    ``folder`` is for what runners read and write, and temporary. ``notes`` belong beside the
    figures."""

    dataset: Dataset
    indices: np.ndarray
    available: int
    labels_known: bool
    batches: Batches
    folder: Path
    notes: tuple[str, ...] = ()

    def labels(self, indices: np.ndarray) -> np.ndarray | None:
        """True classes, int64 [n]; None where the model was not trained for them."""
        return self.dataset.labels[indices] if self.labels_known else None


@contextmanager
def open_evaluation(
    options: Options, exported: Exported, place: str, labels_known: bool, n_default: int | None
) -> Iterator[Evaluation]:
    """The evaluation that ``options`` ask for: N_EVAL images of DATA, which is at ``place``, and
    ``n_default`` (None: all) without N_EVAL. Images that int8 may have been calibrated on are left
    out. RequestError when there are no images or N_EVAL is no count."""
    manifest = exported.manifest
    labels_known = labels_known and manifest.classes > 0
    size = exported.image_size
    classes = manifest.classes if labels_known else None
    dataset = open_dataset(place, "DATA", size, classes, options.skip_corrupt)
    among, notes = _not_calibrated_on(dataset, exported)
    if not len(among):
        raise RequestError(f"DATA={place} has no images; nothing to evaluate on")
    wanted = n_default if options.n_eval is None else options.n_eval
    indices = dataset.spread(len(among) if wanted is None else wanted, among)
    with scratch_folder() as folder:
        _check_room(folder, exported, len(indices))
        batches = Batches(dataset, indices, folder / "batch")
        yield Evaluation(dataset, indices, len(among), labels_known, batches, folder, notes)


def _check_room(folder: Path, exported: Exported, count: int) -> None:
    """DeviceError where ``folder`` cannot hold the first batch of images: found out here, and not
    when all timing is done."""
    size = exported.image_size
    needed_bytes = min(BATCH_BYTES, count * size.height * size.width * size.channels)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DeviceError(
            f"{folder.parent} has {free_bytes / MIB:.1f} MiB free; {count} images to evaluate on "
            f"take at least {needed_bytes / MIB:.1f} MiB there: free some space, set TMPDIR to "
            "another folder, or set N_EVAL to fewer images"
        )


def _not_calibrated_on(dataset: Dataset, exported: Exported) -> tuple[np.ndarray, tuple[str, ...]]:
    """Ascending indices, and a note where images are left out: those of the part that the export
    set aside to calibrate on, wherever they lie now."""
    if not exported.manifest.calibration.get("set_aside_of"):
        return np.arange(len(dataset)), ()
    aside, rest = set_aside.set_aside(dataset)
    note = (
        f"{len(aside)} of the {len(dataset)} images of {dataset.name} are left out: int8 was "
        "calibrated on images of that part; make export with both DATA and CALIB leaves none out"
    )
    return rest, (note,)
