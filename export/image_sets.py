"""The images of one export: those that calibrate, those that verify, and that they are others."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.options import Options
from models.data import saved_images
from models.data.dataset import Dataset, check_disjoint, open_dataset
from models.data.image_source import ImageSize
from models.networks.spec import Preprocess
from models.source import Source
from quantize.methods.inputs import EVALUATION_IMAGES
from quantize.methods.plan import has_random_weights
from quantize.ranges.calibration import check_enough

VERIFICATION_IMAGES = 64


@dataclass(frozen=True)
class ImageSets:
    """Two opened sets and the indices used of each; the judges choose how int8 is made."""

    calibration: Dataset
    calibration_indices: np.ndarray
    evaluation: Dataset
    verification_indices: np.ndarray
    judge_indices: np.ndarray

    def save_calibration(self, path: Path, preprocess: Preprocess) -> int:
        """Write the calibration images as a .npy, preprocessed float32 [n, h, w, c]; n."""
        return len(saved_images.save(path, self.calibration, self.calibration_indices, preprocess))

    def save_verification(self, path: Path, preprocess: Preprocess) -> int:
        """Likewise the images that the files are verified on."""
        return len(saved_images.save(path, self.evaluation, self.verification_indices, preprocess))

    def save_judge(self, path: Path, preprocess: Preprocess) -> int:
        """Likewise the images that decide between ways to int8."""
        return len(saved_images.save(path, self.evaluation, self.judge_indices, preprocess))

    def fingerprint(self) -> list:
        """What of the images decides what the files hold; JSON-able."""
        return [
            self.calibration.content_hash(self.calibration_indices),
            self.calibration.decoder,
            self.evaluation.content_hash(self.verification_indices),
            self.evaluation.content_hash(self.judge_indices),
            self.evaluation.decoder,
        ]

    def caveats(self) -> tuple[str, ...]:
        """Sentences that belong beside the figures."""
        found = [*self.calibration.caveats, *self.evaluation.caveats]
        if len(self.verification_indices) < VERIFICATION_IMAGES:
            found.append(
                f"verified on {len(self.verification_indices)} images only: DATA has no more "
                f"({VERIFICATION_IMAGES} are wanted)"
            )
        for images in (self.calibration, self.evaluation):
            if images.skipped:
                found.append(
                    f"{len(images.skipped)} unreadable images of {images.role} skipped, "
                    f"the first is {images.skipped[0]}"
                )
        return tuple(dict.fromkeys(found))


def open_image_sets(options: Options, source: Source, size: ImageSize) -> ImageSets:
    """The sets that DATA and CALIB name, for a network of that input size.

    Raises RequestError as open_dataset does, and where an image is in both sets.
    """
    classes = source.classes if source.labels_known else None
    evaluation = open_dataset(options.data, "DATA", size, classes, options.skip_corrupt)
    calibration = open_dataset(options.calib, "CALIB", size, None, options.skip_corrupt)
    chosen = calibration.spread(options.n_calib)
    check_enough(len(chosen))
    check_disjoint(calibration, chosen, evaluation, np.arange(len(evaluation)))
    verify = max(VERIFICATION_IMAGES, options.n_eval or 0)
    judge = verify if has_random_weights(source) else max(EVALUATION_IMAGES, verify)
    return ImageSets(
        calibration, chosen, evaluation, evaluation.spread(verify), evaluation.spread(judge)
    )
