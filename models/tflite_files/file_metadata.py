"""The metadata that many published .tflite files carry: how their pixels are to be scaled.

The format is that of ``metadata_schema.fbs`` of TFLite; no package here reads it, and one figure of
it is all that is needed.
"""

import numpy as np

from models.networks.spec import Preprocess

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
NORMALIZATION = 1  # the number of NormalizationOptions in the union of process units
# Numbers of the fields in their tables.
SUBGRAPHS, INPUT_TENSORS, PROCESS_UNITS, UNIT_TYPE, UNIT, MEAN, STD = 3, 2, 4, 0, 1, 0, 1


def normalization(model) -> Preprocess | None:
    """pixel * scale + offset of the first input of a ``ModelT``; None where nothing says so, or
    channels differ."""
    for entry in model.metadata or ():
        if entry.name == NAME:
            data = model.buffers[entry.buffer].data
            content = b"" if data is None else bytes(data)
            return _of(content) if content[4:8] == IDENTIFIER else None
    return None


def _of(content: bytes) -> Preprocess | None:
    from flatbuffers import encode, number_types
    from flatbuffers.table import Table

    root = Table(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))
    for subgraph in _tables(root, SUBGRAPHS)[:1]:
        for tensor in _tables(subgraph, INPUT_TENSORS)[:1]:
            for unit in _tables(tensor, PROCESS_UNITS):
                if _number(unit, UNIT_TYPE) == NORMALIZATION:
                    return _scaling(_table(unit, UNIT))
    return None


def _scaling(options) -> Preprocess | None:
    """(pixel - mean) / std, where that is the same for all channels."""
    means, deviations = _floats(options, MEAN), _floats(options, STD)
    if len(set(means)) != 1 or len(set(deviations)) != 1 or not deviations[0]:
        return None
    return Preprocess(1 / deviations[0], -means[0] / deviations[0])


def _place(table, field: int) -> int:
    """Where the field is, from the table's own place; 0 where it is left out."""
    return table.Offset(4 + 2 * field)


def _table(table, field: int):
    from flatbuffers.table import Table

    return Table(table.Bytes, table.Indirect(table.Pos + _place(table, field)))


def _tables(table, field: int) -> list:
    from flatbuffers.table import Table

    place = _place(table, field)
    if not place:
        return []
    start, count = table.Vector(place), table.VectorLen(place)
    return [Table(table.Bytes, table.Indirect(start + 4 * n)) for n in range(count)]


def _number(table, field: int) -> int:
    from flatbuffers import number_types

    place = _place(table, field)
    return table.Get(number_types.Uint8Flags, table.Pos + place) if place else 0


def _floats(table, field: int) -> list[float]:
    place = _place(table, field)
    if not place:
        return []
    start, count = table.Vector(place), table.VectorLen(place)
    return np.frombuffer(table.Bytes, "<f4", count, start).astype(float).tolist()
