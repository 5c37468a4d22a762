"""An interrupted training on disk, where the same training finds it again."""

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from quantize.graph.graph import Graph
from quantize.training.training_set import TrainingSet

IMAGES = 64  # that tell one set of images from another


@dataclass(frozen=True)
class Progress:
    """The values of all variables after ``step`` steps, and of the ``best`` so far: those after
    ``best_step`` steps, at ``distance`` from the teacher."""

    step: int
    values: Sequence[np.ndarray]
    best: Sequence[np.ndarray]
    best_step: int
    distance: float


class SavedTraining:
    """The file of one training: of these graphs, images and settings, however many steps."""

    def __init__(self, data: TrainingSet, *graphs: Graph) -> None:
        found = hashlib.sha256()
        for graph in graphs:
            found.update(graph.content)
        chosen = np.linspace(0, len(data.images) - 1, min(IMAGES, len(data.images))).astype(int)
        found.update(np.ascontiguousarray(data.images[chosen]).tobytes())
        labels = None if data.labels is None else data.labels.tobytes()
        settings = (len(data.images), labels, data.batch, asdict(data.rates))
        found.update(repr(settings).encode())
        self.path = Path(data.kept_in) / f"{found.hexdigest()[:32]}.npz"

    def read(self) -> Progress | None:
        """The progress that was kept; None where there is none, or half of it."""
        try:
            with np.load(self.path) as found:
                arrays = dict(found)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        count, best = (sum(name.startswith(kind) for name in arrays) for kind in ("value", "best/"))
        return Progress(
            step=int(arrays["step"]),
            values=[arrays[f"value{n}"] for n in range(count)],
            best=[arrays[f"best/{n}"] for n in range(best)],
            best_step=int(arrays["step_of_best"]),
            distance=float(arrays["distance"]),
        )

    def write(self, progress: Progress) -> None:
        """Keep ``progress`` in the place of what was kept, at once or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(f".{os.getpid()}.npz")
        arrays = {f"value{n}": value for n, value in enumerate(progress.values)}
        arrays |= {f"best/{n}": value for n, value in enumerate(progress.best)}
        np.savez(
            temporary,
            step=progress.step,
            step_of_best=progress.best_step,
            distance=progress.distance,
            **arrays,
        )
        os.replace(temporary, self.path)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
