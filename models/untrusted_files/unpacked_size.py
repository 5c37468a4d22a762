"""Limits of what a packed file becomes in memory, in relation to its own size."""

from models.command_line.errors import RequestError

# Trained weights hardly pack at all, pruned ones ten times; a hundred times are zeros.
MAX_RATIO = 100
ALWAYS_BYTES = 64 << 20  # are harmless whatever they were packed into
# A .tflite file is at most 2 GiB, so are half a billion float32 weights; and an optimizer keeps two
# further numbers for each.
MAX_BYTES = 6 << 30


def check(unpacked_bytes: int, file_bytes: int, what: str) -> None:
    """RequestError, which begins with ``what``, where a file of ``file_bytes`` declares more than
    such a file holds. Its own size is no proof: holes in a file take no room on the disk."""
    allowed = max(min(MAX_RATIO * file_bytes, MAX_BYTES), ALWAYS_BYTES)
    if unpacked_bytes > allowed:
        raise RequestError(
            f"{what} declares {unpacked_bytes / 1e6:,.0f} MB or more in a file of "
            f"{file_bytes / 1e6:,.1f} MB; expected at most {allowed / 1e6:,.0f} MB: save the model "
            "again with model.save"
        )
