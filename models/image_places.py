"""The places that images come from: what DATA and CALIB name, and what holds where one is not
given."""

from dataclasses import dataclass

from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.source import Source

DEMO = "demo"


@dataclass(frozen=True)
class ImagePlaces:
    """Where the images to evaluate on and to calibrate on are.

    ``shared``: the variable, DATA or CALIB, whose images serve both purposes, a part each; None
    where each has a place of its own.
    """

    data: str
    calib: str
    shared: str | None = None


def image_places(options: Options, source: Source, target: str) -> ImagePlaces:
    """The places for ``make TARGET``. RequestError where a trained network is given no images of
    its own kind: ranges and figures of other images say nothing about it."""
    data, calib = options.data, options.calib
    if source.fits_demo or DEMO in (data, calib):
        return ImagePlaces(DEMO if data is None else data, DEMO if calib is None else calib)
    if data is None and calib is None:
        name = f"MODEL={options.model}" if options.model else f"WEIGHTS={options.weights}"
        raise RequestError(
            f"{name} was given no images, and int8 is calibrated, and every file compared with "
            "Keras, on images of the kind it was trained on; run "
            f"{make_line(target, options, calib='folder')} with a folder of some hundred such "
            "images, or an .npz with x; for top-1, DATA=folder of class folders"
        )
    if data is None or calib is None:
        given = data if calib is None else calib
        return ImagePlaces(given, given, "DATA" if calib is None else "CALIB")
    return ImagePlaces(data, calib)


def evaluation_place(options: Options, source: Source) -> str | None:
    """Where to evaluate without calibrating; None where a trained network is given no DATA."""
    return DEMO if options.data is None and source.fits_demo else options.data
