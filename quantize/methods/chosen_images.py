"""The images of a request: those to calibrate on, and different ones that may be evaluated on."""

from dataclasses import dataclass

import numpy as np

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data import set_aside
from models.data.dataset import Dataset, check_disjoint, check_place, open_dataset
from models.data.image_source import ImageSize
from models.image_places import ImagePlaces, image_places
from models.source import Source
from quantize.ranges.calibration import MIN_IMAGES, check_enough


@dataclass(frozen=True)
class ChosenImages:
    """Two opened sets (or twice the same one) and ascending indices into each.

    ``calibration_indices`` are those to calibrate on, ``evaluable`` all that may be evaluated on.
    ``shared``: the variable, DATA or CALIB, whose images serve both purposes; None where each has
    its own. ``notes`` are sentences that belong beside the figures.
    """

    calibration: Dataset
    calibration_indices: np.ndarray
    evaluation: Dataset
    evaluable: np.ndarray
    shared: str | None
    notes: tuple[str, ...]


def check_images(options: Options, source: Source, target: str) -> ImagePlaces:
    """The places of the images; RequestError for DATA, CALIB and N_CALIB that cannot be. Opens
    nothing."""
    check_enough(options.n_calib)
    places = image_places(options, source, target)
    if places.shared != "CALIB":
        check_place(places.data, "DATA")
    if places.shared != "DATA":
        check_place(places.calib, "CALIB")
    return places


def choose_images(
    options: Options, source: Source, size: ImageSize, classes: int | None, target: str
) -> ChosenImages:
    """The images for ``make TARGET``; ``classes``: outputs that labels of DATA have to fit (None:
    labels do not matter). Raises RequestError as open_dataset does, and where an image is in both
    sets."""
    places = check_images(options, source, target)
    if places.shared:
        return _of_one_set(options, places, size, classes)
    evaluation = open_dataset(places.data, "DATA", size, classes, options.skip_corrupt)
    calibration = open_dataset(places.calib, "CALIB", size, None, options.skip_corrupt)
    chosen = calibration.spread(options.n_calib)
    check_enough(len(chosen))
    evaluable = np.arange(len(evaluation))
    check_disjoint(calibration, chosen, evaluation, evaluable)
    notes = (*calibration.warnings, *evaluation.warnings)
    return ChosenImages(calibration, chosen, evaluation, evaluable, None, notes)


def _of_one_set(
    options: Options, places: ImagePlaces, size: ImageSize, classes: int | None
) -> ChosenImages:
    """A part of the images of DATA, or of CALIB, for each purpose."""
    role = places.shared
    whole = open_dataset(
        places.data, role, size, classes if role == "DATA" else None, options.skip_corrupt
    )
    aside, rest = set_aside.set_aside(whole)
    if len(aside) < MIN_IMAGES or not len(rest):
        raise RequestError(
            f"{role}={whole.name} has {len(whole)} images, too few to calibrate on some and "
            f"evaluate on others: {len(aside)} are set aside to calibrate on, expected at least "
            f"{MIN_IMAGES}; give more images, or both DATA and CALIB"
        )
    chosen = whole.spread(options.n_calib, aside)
    notes = (set_aside.in_words(whole, aside), *whole.warnings)
    return ChosenImages(whole, chosen, whole, rest, role, notes)
