"""The images of one export: those it calibrates on, and different ones that it evaluates on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.options import Options
from models.data import saved_images
from models.data.dataset import Dataset, check_disjoint, check_place, open_dataset
from models.data.image_source import ImageSize
from models.networks.spec import Preprocess
from models.source import Source
from quantize.methods.inputs import EVALUATION_IMAGES
from quantize.methods.plan import has_random_weights
from quantize.ranges.calibration import check_enough

VERIFICATION_IMAGES = 64


@dataclass(frozen=True)
class SavedImages:
    """Preprocessed images as .npy files, float32 [n, h, w, c], for several processes to read.

    ``calibration``; ``evaluation``, on which quantization methods are compared; ``verification``,
    on which the finished files are. The descriptions are those of the manifest.
    """

    calibration: Path
    evaluation: Path
    verification: Path
    calibration_described: dict
    verification_described: dict


@dataclass(frozen=True)
class ImageSets:
    """Two opened sets and the indices used of each: ``evaluation_indices`` to choose between
    quantization methods, ``verification_indices`` to verify the files.
    """

    calibration: Dataset
    calibration_indices: np.ndarray
    evaluation: Dataset
    verification_indices: np.ndarray
    evaluation_indices: np.ndarray

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

        calibration, calibrated_on = save(
            "calibration.npy", self.calibration, self.calibration_indices
        )
        verification, verified_on = save(
            "verification.npy", self.evaluation, self.verification_indices
        )
        evaluation, _ = save("evaluation.npy", self.evaluation, self.evaluation_indices)
        return SavedImages(calibration, evaluation, verification, calibrated_on, verified_on)

    def fingerprint(self) -> list:
        """All of the images that decides what the files hold; JSON-able."""
        return [
            self.calibration.content_hash(self.calibration_indices),
            self.calibration.decoder,
            self.evaluation.content_hash(self.verification_indices),
            self.evaluation.content_hash(self.evaluation_indices),
            self.evaluation.decoder,
        ]

    def warnings(self) -> tuple[str, ...]:
        """Sentences that belong beside the figures."""
        found = [*self.calibration.warnings, *self.evaluation.warnings]
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


def check_request(options: Options) -> None:
    """RequestError for DATA, CALIB and N_CALIB that no network could be exported with."""
    check_place(options.data, "DATA")
    check_place(options.calib, "CALIB")
    check_enough(options.n_calib)


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
    evaluate = verify if has_random_weights(source) else max(EVALUATION_IMAGES, verify)
    return ImageSets(
        calibration, chosen, evaluation, evaluation.spread(verify), evaluation.spread(evaluate)
    )
