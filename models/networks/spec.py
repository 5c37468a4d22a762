"""The specification of a network: architecture, width, resolution, classes, preprocessing."""

from dataclasses import dataclass

from models.command_line.errors import RequestError
from models.networks.size_limits import MAX_ALPHA, MAX_CLASSES

MIN_RESOLUTION = 32
MAX_RESOLUTION = 512


@dataclass(frozen=True)
class Preprocess:
    """Affine map from pixel values 0..255 to what the network reads: ``x * scale + offset``."""

    scale: float = 1 / 127.5
    offset: float = -1.0


@dataclass(frozen=True)
class ModelSpec:
    """One of our own networks, before it has weights.

    ``alpha`` is the papers' width multiplier. ``resolution`` is the side of the square input in
    pixels; the resolution multiplier rho of the MobileNetV1 paper is ``resolution / 224``.
    ``logits`` leaves the final softmax (sigmoid for one class) out. ``include_top=False`` ends the
    network at its last feature map.

    Raises RequestError for a width, resolution or number of classes that no network can have.
    """

    arch: str
    alpha: float = 1.0
    resolution: int = 224
    classes: int = 1000
    logits: bool = False
    include_top: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= MAX_ALPHA:
            raise RequestError(
                f"ALPHA is {self.alpha:g}; expected a width multiplier above 0, up to {MAX_ALPHA}, "
                "for example ALPHA=0.5"
            )
        if not MIN_RESOLUTION <= self.resolution <= MAX_RESOLUTION:
            raise RequestError(
                f"RES is {self.resolution}; expected an input size from {MIN_RESOLUTION} to "
                f"{MAX_RESOLUTION} pixels, for example RES=224"
            )
        if not 1 <= self.classes <= MAX_CLASSES:
            raise RequestError(
                f"CLASSES is {self.classes}; expected 1 to {MAX_CLASSES}, for example CLASSES=1000"
            )

    @property
    def rho(self) -> float:
        """Resolution multiplier of the MobileNetV1 paper, relative to 224 pixels."""
        return self.resolution / 224

    @property
    def output_activation(self) -> str | None:
        """Keras name of the activation that ends the network; None for logits."""
        if self.logits:
            return None
        return "sigmoid" if self.classes == 1 else "softmax"
