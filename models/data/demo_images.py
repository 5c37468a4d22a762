"""The embedded Fashion-MNIST images: all official test images, and some to calibrate on."""

from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.data import image_decoding
from models.data.array_file import ArrayImages
from models.data.image_source import ImageSize, LabelledImages, check_class_count
from models.networks import demo

SIDE_PIXELS = 28
TEST, TRAINING = ("test_images", "test_labels"), ("calib_images", "calib_labels")
ARRAYS = {"DATA": TEST, "CALIB": TRAINING, "TRAIN": TRAINING}


def path() -> Path:
    """The .npz that ``python -m models.training.embed_demo_images`` writes."""
    return demo.FOLDER / "images.npz"


def open_demo(role: str, size: ImageSize, classes: int | None) -> LabelledImages:
    """The 10,000 test images (role DATA) or 512 training images (CALIB, TRAIN).

    They are resized straight from 28x28, whole frame, as in the training recipe. RequestError
    where the model has fewer outputs than the 10 classes, or reads neither grey nor RGB.
    """
    if size.channels not in (1, 3):
        raise RequestError(
            f"{role}=demo has grey images but the model reads {size.channels} channels; expected "
            f"an .npz with x of shape [n, height, width, {size.channels}]"
        )
    if role != "CALIB":
        where = f"{role}=demo (Fashion-MNIST)"
        check_class_count(len(demo.CLASSES), classes, where, "use DATA=folder with your own images")
    images_name, labels_name = ARRAYS[role]
    with np.load(path(), allow_pickle=False) as arrays:
        images, labels = arrays[images_name], arrays[labels_name].astype(np.int64)
    decoder = image_decoding.whole_frame_decoder(SIDE_PIXELS, SIDE_PIXELS, 1, size)
    return LabelledImages(ArrayImages(images, "demo", size), labels, demo.CLASSES, decoder)
