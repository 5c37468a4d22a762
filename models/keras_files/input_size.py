"""The input size of a model that leaves it open: as requested, or as the model itself tells."""

import re
from collections.abc import Iterable

from models.command_line.errors import RequestError

# keras.applications name their networks after the size they were built for.
NAMED_SIZE = re.compile(r"(?:mobilenet|nasnet|mobilenetv2)_\d\.\d+_(\d{2,3})(?:_\d+)?")
CHANNEL_NUMBERS = 16  # an input with more "channels" last, and few first, has them first


def fixed(
    shape: tuple, res: int | None, resizings: Iterable[tuple[int, int]], names: Iterable[str], path
) -> tuple[tuple, str | None]:
    """``shape`` [batch, height, width, channels] with numbers for height and width, and a note.

    Those left open become ``res``, else the size that the first of ``resizings`` (height, width)
    makes of any image, else the one in the name of a network of keras.applications. RequestError
    where nothing tells, or ``res`` is not what the model has fixed.
    """
    if len(shape) != 4:
        return shape, None
    batch, height, width, channels = shape
    if height is not None and width is not None:
        if res is not None and (height, width) != (res, res):
            raise RequestError(
                f"RES is {res}, but MODEL '{path}' has an input of {height}x{width}; leave RES out"
            )
        return shape, None
    if res is not None:
        return (batch, height or res, width or res, channels), None
    found = next(iter(resizings), None)
    if found is not None:
        size = (height or found[0], width or found[1])
        why = "the size that its Resizing layer makes"
    else:
        named = {int(m[1]) for name in names if (m := NAMED_SIZE.fullmatch(name))}
        if len(named) != 1:
            raise RequestError(
                f"MODEL '{path}' has an input of no fixed size, {shape}; expected one: say the "
                "size it was trained at, e.g. RES=224"
            )
        number = named.pop()
        size = (height or number, width or number)
        why = "the size in its network's name"
    note = f"input of no fixed size: {size[0]}x{size[1]}, {why}; RES= sets another"
    return (batch, *size, channels), note
