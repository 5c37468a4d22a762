"""The embedded default: Fashion-MNIST images and MobileNets trained on them by ``make train``.

Beside this file, in ``demo_data/``: the 10,000 official test images, 512 training images for
calibration, and one checkpoint for each architecture in ``SPECS``. Not ImageNet models.
"""

from pathlib import Path

from models.networks.spec import ModelSpec

FOLDER = Path(__file__).parents[1] / "demo_data"
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
RESOLUTION = 96

SPECS = {
    arch: ModelSpec(arch, alpha=alpha, resolution=RESOLUTION, classes=len(CLASSES))
    for arch, alpha in {
        "v1": 0.5,
        "v1-quant-friendly": 0.5,
        "v2": 0.35,
        "v3-large": 0.35,
        "v3-small": 0.5,
    }.items()
}


def checkpoint(arch: str) -> Path:
    """The path where the demo weights of ``arch`` are (or will be written by ``make train``)."""
    return FOLDER / f"{arch}.weights.h5"
