"""The image of an .onnx file with batch 1 and a fixed size."""

from pathlib import Path

from models.command_line.errors import RequestError
from models.model_files.model_file import CHANNELS


def fix_shape(path: Path, described, resolution: int | None) -> None:
    """Set the batch of an input's ValueInfoProto to 1, and an open height and width to
    ``resolution``. RequestError where it is no image, or ``resolution`` is missing or of no use."""
    dims = described.type.tensor_type.shape.dim
    shape = f"[{', '.join(str(dim.dim_value or dim.dim_param or '?') for dim in dims)}]"
    if len(dims) != 4:
        raise RequestError(
            f"'{path}' has an input of shape {shape}; expected an image: [1, channels, height, "
            "width] or [1, height, width, channels]"
        )
    if dims[0].dim_value > 1:
        raise RequestError(
            f"'{path}' has an input of fixed batch {dims[0].dim_value}; expected a free batch or "
            "1: export it again on one image"
        )
    first = dims[1].dim_value in CHANNELS and dims[3].dim_value not in CHANNELS
    sides = [dims[n] for n in ((2, 3) if first else (1, 2))]
    if any(not side.dim_value for side in sides):
        if resolution is None:
            raise RequestError(
                f"'{path}' has an input of no fixed size, {shape}; give one: RES=224"
            )
    elif resolution is not None and any(side.dim_value != resolution for side in sides):
        raise RequestError(
            f"RES is {resolution}, and '{path}' has an input of fixed size, {shape}; leave RES out"
        )
    dims[0].dim_value = 1
    for side in sides:
        side.dim_value = side.dim_value or resolution
    if not all(dim.dim_value for dim in dims):
        raise RequestError(
            f"'{path}' has an input of shape {shape}, whose channels are open; expected 1 or 3"
        )
