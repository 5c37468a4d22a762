"""The images of one export: those it calibrates on, and different ones that it evaluates on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.options import Options
from models.data import saved_images
from models.data.dataset import Dataset
from models.data.image_source import ImageSize
from models.networks.spec import Preprocess
from models.source import Source
from quantize.methods.chosen_images import ChosenImages, choose_images
from quantize.methods.inputs import EVALUATION_IMAGES
from quantize.methods.plan import Plan, has_random_weights
from quantize.methods.training_images import (
    SavedTrainingImages,
    TrainingImages,
    choose_training,
)

VERIFICATION_IMAGES = 64


@dataclass(frozen=True)
class SavedImages:
    """Preprocessed images as .npy files, float32 [n, h, w, c], for several processes to read.

    ``calibration``; ``evaluation``, on which quantization methods are compared; ``verification``,
    on which the finished files are; ``training``, where int8 is trained. The descriptions are those
    of the manifest.
    """

    calibration: Path
    evaluation: Path
    verification: Path
    calibration_described: dict
    verification_described: dict
    training: SavedTrainingImages | None = None


@dataclass(frozen=True)
class ImageSets:
    """The ``chosen`` images, and of those to evaluate on ``evaluation_indices`` to choose between
    quantization methods and ``verification_indices`` to verify the files. ``training``: those to
    train on, None where nothing is trained.
    """

    chosen: ChosenImages
    verification_indices: np.ndarray
    evaluation_indices: np.ndarray
    training: TrainingImages | None = None

    def save(self, folder: Path, preprocess: Preprocess) -> SavedImages:
        """Write the images of each purpose into ``folder``."""

        def save(name: str, images: Dataset, indices: np.ndarray) -> tuple[Path, dict]:
            readable = len(saved_images.save(folder / name, images, indices, preprocess))
            return folder / name, {
                "name": images.name,
                "images": readable,
                "content_sha256": images.content_hash(indices),
                "decoder": images.decoder,
                "skipped": len(indices) - readable,
            }

        chosen, data = self.chosen, self.chosen.evaluation
        calibration, calibrated_on = save(
            "calibration.npy", chosen.calibration, chosen.calibration_indices
        )
        calibrated_on["set_aside_of"] = chosen.shared
        verification, verified_on = save("verification.npy", data, self.verification_indices)
        evaluation, _ = save("evaluation.npy", data, self.evaluation_indices)
        training = self.training.save(folder, preprocess) if self.training else None
        return SavedImages(
            calibration, evaluation, verification, calibrated_on, verified_on, training
        )

    def fingerprint(self) -> list:
        """All of the images that decides what the files hold; JSON-able."""
        return [
            self.chosen.calibration.content_hash(self.chosen.calibration_indices),
            self.chosen.calibration.decoder,
            self.chosen.evaluation.content_hash(self.verification_indices),
            self.chosen.evaluation.content_hash(self.evaluation_indices),
            self.chosen.evaluation.decoder,
            self.chosen.shared,
            self.training.fingerprint() if self.training else None,
        ]

    def warnings(self) -> tuple[str, ...]:
        """Sentences that belong beside the figures."""
        found = list(self.chosen.notes)
        trained_on = [self.training.images] if self.training else []
        found += [note for images in trained_on for note in images.warnings]
        if len(self.verification_indices) < VERIFICATION_IMAGES:
            found.append(
                f"verified on {len(self.verification_indices)} images only: "
                f"{self.chosen.evaluation.role} has no more ({VERIFICATION_IMAGES} are wanted)"
            )
        for images in (self.chosen.calibration, self.chosen.evaluation, *trained_on):
            if images.skipped:
                found.append(
                    f"{len(images.skipped)} unreadable images of {images.role} skipped, "
                    f"the first is {images.skipped[0]}"
                )
        return tuple(dict.fromkeys(found))


def open_image_sets(
    options: Options, source: Source, plan: Plan, size: ImageSize, classes: int | None
) -> ImageSets:
    """The sets that DATA, CALIB and TRAIN name, for a network of that input size and number of
    outputs (None or 0: labels do not matter). RequestError as of choose_images and choose_training.
    """
    told_apart = (classes or None) if source.labels_known else None
    chosen = choose_images(options, source, size, told_apart, "export")
    verify = max(VERIFICATION_IMAGES, options.n_eval or 0)
    evaluate = verify if has_random_weights(source) else max(EVALUATION_IMAGES, verify)
    spread, among = chosen.evaluation.spread, chosen.evaluable
    training = choose_training(options, plan, source, size, classes, chosen)
    return ImageSets(chosen, spread(verify, among), spread(evaluate, among), training)
