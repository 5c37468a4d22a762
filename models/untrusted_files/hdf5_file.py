"""HDF5 files that hold what they give: opened only where every object in them has been looked at.

HDF5 can store a dataset's bytes in any other file (external storage), make a dataset of others
(virtual ones) and put another file's objects into a group (external links). Whoever made such a
file would have bytes of the reader's own files among the weights, and so in what is exported and
published. A few bytes can also declare terabytes: by a shape, by one chunk
of an array of ten numbers, by a list of names that all are the same megabyte.
"""

import contextlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.untrusted_files import memory_limit, unpacked_size

REMEDY = "expected weights that the file itself holds, as Keras writes them: save the model again"
# Filters that HDF5 and h5py bring with them, by number: deflate, shuffle, Fletcher-32, szip, n-bit,
# scale-offset, LZF. For any other HDF5 loads a library from a folder of plugins.
FILTERS = (1, 2, 3, 4, 5, 6, 32000)
MAX_DEPTH = 100  # of groups in groups: a model within a model takes two
MAX_OBJECTS = 50_000  # NASNetLarge with its optimizer takes some 10,000
MAX_ATTRIBUTES = 1000  # of an object: Keras writes three, and a long list of names in a few
ATTRIBUTE_BYTES = 256 << 20  # that reading one may take: a configuration, three times in memory
NUMBERS = "biuf"  # kinds of numpy types
BFLOAT16 = "V2"  # which HDF5 has no name for


@contextlib.contextmanager
def opened(source: Path | io.BytesIO, what: str, file_bytes: int) -> Iterator:
    """The h5py.File of ``source``, which is part of a file of ``file_bytes``, open for reading.

    Raises RequestError, which begins with ``what``, where an object in it is not its own or it
    declares more than such a file holds; what h5py raises for damage is left to the caller.
    """
    import h5py

    with h5py.File(source, "r") as file:
        _check(file.id, what, file_bytes)
        yield file


def array_of(dataset, what: str) -> np.ndarray:
    """The numbers in ``dataset``; RequestError, beginning with ``what``, where it holds others."""
    if dataset.dtype.kind not in NUMBERS and dataset.dtype.str[1:] != BFLOAT16:
        raise RequestError(f"{what}: {dataset.name!r} holds no numbers ({dataset.dtype}); {REMEDY}")
    return np.asarray(dataset)


def attribute(item, name: str, default=None):
    """The attribute ``name`` of a group or file; OSError where it takes more memory than any that
    Keras writes: HDF5 does not tell how long a text is before it has read all in the attribute."""
    with memory_limit.further(ATTRIBUTE_BYTES):
        return item.attrs.get(name, default)


def names(item, key: str) -> list[str]:
    """A list of names in the attributes of ``item``, which a long one is in several of."""
    found, number = list(attribute(item, key, ())), 0
    while f"{key}{number}" in item.attrs:
        found += list(attribute(item, f"{key}{number}"))
        number += 1
    return [each.decode() if isinstance(each, bytes) else str(each) for each in found]


def _check(root, what, file_bytes):
    from h5py import h5a, h5d, h5g, h5o

    entered, declared, objects = set(), 0, 0
    waiting = [(root, "", 0)]
    while waiting:
        group, place, depth = waiting.pop()
        address = h5o.get_info(group).addr
        if address in entered or depth > MAX_DEPTH:
            why = "is linked to more than once" if address in entered else "is too deep in others"
            raise RequestError(f"{what}: group {place!r} {why}; {REMEDY}")
        entered.add(address)
        objects += len(group)
        if objects > MAX_OBJECTS or h5a.get_num_attrs(group) > MAX_ATTRIBUTES:
            raise RequestError(f"{what}: group {place!r} has more in it than a model; {REMEDY}")
        for name in group:
            inner = f"{place}/{name.decode('utf-8', 'backslashreplace')}"
            _check_link(group, name, f"{what}: {inner!r}")
            item = h5o.open(group, name)
            if isinstance(item, h5g.GroupID):
                waiting.append((item, inner, depth + 1))
            elif isinstance(item, h5d.DatasetID):
                declared += _declared_bytes(item, f"{what}: {inner!r}")
                unpacked_size.check(declared, file_bytes, what)


def _check_link(group, name, what):
    """RequestError for what is no part of this group: Keras writes none."""
    from h5py import h5l

    kind = group.links.get_info(name).type
    if kind == h5l.TYPE_EXTERNAL:
        file, _ = group.links.get_val(name)
        raise RequestError(f"{what} is an external link, into {_shown(file)}; {REMEDY}")
    if kind == h5l.TYPE_SOFT:
        target = group.links.get_val(name)
        raise RequestError(f"{what} is a soft link, to {_shown(target)}; {REMEDY}")
    if kind != h5l.TYPE_HARD:
        raise RequestError(f"{what} is a link of kind {kind}; {REMEDY}")


def _declared_bytes(dataset, what) -> int:
    """The size of ``dataset`` in memory. Its space comes last: HDF5 may open the sources of a
    virtual dataset to tell that."""
    from h5py import h5d

    layout = dataset.get_create_plist()
    if layout.get_layout() == h5d.VIRTUAL:
        raise RequestError(f"{what} is a virtual dataset, made of other files; {REMEDY}")
    if layout.get_external_count():
        file, _, _ = layout.get_external(0)
        raise RequestError(f"{what} has external storage, in {_shown(file)}; {REMEDY}")
    for number in range(layout.get_nfilters()):
        code = layout.get_filter(number)[0]
        if code not in FILTERS:
            raise RequestError(f"{what} is packed by filter {code}, a plugin; {REMEDY}")
    shapes = [dataset.get_space().shape or ()]  # None of an empty one
    if layout.get_layout() == h5d.CHUNKED:  # as a whole in memory while it is unpacked
        shapes.append(layout.get_chunk())
    return max(map(math.prod, shapes)) * dataset.get_type().get_size()


def _shown(name: bytes | str) -> str:
    return repr(name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name)
