"""The images that distillation trains on: those of TRAIN, or those to calibrate on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data import saved_images
from models.data.dataset import Dataset, check_disjoint, check_place, open_dataset
from models.data.image_source import ImageSize
from models.networks.spec import Preprocess
from models.source import Source
from quantize.methods.chosen_images import ChosenImages
from quantize.methods.methods import DISTILLATION
from quantize.methods.plan import Plan
from quantize.training.training_set import MIN_IMAGES, STEPS, TrainingSet

WANTED = ("train", "train_labels", "steps")  # options that nothing but distillation reads


@dataclass(frozen=True)
class TrainingImages:
    """An opened set and ascending indices into it. ``learned``: its labels are learned from.

    ``steps``: of the training.
    """

    images: Dataset
    indices: np.ndarray
    learned: bool
    steps: int

    def fingerprint(self) -> list:
        """All that decides what is trained; JSON-able."""
        content = self.images.content_hash(self.indices)
        return [content, self.images.decoder, self.learned, self.steps]

    def save(self, folder: Path, preprocess: Preprocess) -> "SavedTrainingImages":
        """Write the images into ``folder``; RequestError where too few can be read."""
        path = folder / "training.npy"
        readable = saved_images.save(path, self.images, self.indices, preprocess)
        _check_enough(len(readable), self.images)
        labels = self.images.labels[readable] if self.learned else None
        return SavedTrainingImages(path, labels, self.steps)


@dataclass(frozen=True)
class SavedTrainingImages:
    """Preprocessed images as a .npy file, float32 [n, h, w, c], and what else a training needs."""

    path: Path
    labels: np.ndarray | None
    steps: int

    def opened(self) -> TrainingSet:
        return TrainingSet(np.load(self.path, "r"), self.labels, self.steps)


def check_training(options: Options, plan: Plan) -> None:
    """RequestError for options of a training that is not asked for, and for a TRAIN that cannot be;
    opens nothing."""
    given = [name for name in WANTED if getattr(options, name) not in (None, False)]
    if given and DISTILLATION not in plan.methods:
        raise RequestError(
            f"{given[0].upper()} is given, but METHODS={options.methods} trains nothing; run "
            f"{make_line('distill', options, methods=None)}"
        )
    if options.train is not None:
        check_place(options.train, "TRAIN")
    elif options.train_labels:
        raise RequestError(
            "TRAIN_LABELS is 1, but no TRAIN is given, and labels of calibration images are not "
            "read; expected TRAIN=folder of class folders, or an .npz with x and y"
        )


def choose_training(
    options: Options,
    plan: Plan,
    source: Source,
    size: ImageSize,
    classes: int | None,
    chosen: ChosenImages,
) -> TrainingImages | None:
    """The images to train on; None where ``plan`` does not train.

    ``classes``: outputs that labels have to fit. ``chosen``: the other images. RequestError for too
    few, for labels that do not fit, and for images that are evaluated on.
    """
    if DISTILLATION not in plan.methods:
        return None
    steps = options.steps or STEPS
    if options.train is None:
        _check_enough(len(chosen.calibration_indices), chosen.calibration)
        return TrainingImages(chosen.calibration, chosen.calibration_indices, False, steps)
    if options.train_labels and not classes:
        raise RequestError(
            f"TRAIN_LABELS is 1, but the outputs of {source.model_id} are no classes that labels "
            "could name; leave it out: the float network is learned from then"
        )
    wanted = classes if options.train_labels else None
    images = open_dataset(options.train, "TRAIN", size, wanted, options.skip_corrupt)
    indices = np.arange(len(images))
    _check_enough(len(indices), images)
    check_disjoint(images, indices, chosen.evaluation, chosen.evaluable)
    return TrainingImages(images, indices, options.train_labels, steps)


def _check_enough(count: int, images: Dataset) -> None:
    if count < MIN_IMAGES:
        more = "more images" if images.role == "TRAIN" else f"TRAIN=folder, or N_CALIB={MIN_IMAGES}"
        raise RequestError(
            f"{count} images of {images.role}={images.name} to train on; expected at least "
            f"{MIN_IMAGES}: give {more}"
        )
