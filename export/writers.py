"""The files of each format, made from the one float graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.image_sets import SavedImages
from export.onnx import half_weights, onnx_model
from models.command_line.progress import Report
from quantize.graph.graph import Graph
from quantize.methods import search
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.schemes import registry
from quantize.schemes.registry import Made, Material
from quantize.schemes.scheme import FLOAT16, FLOATS, Scheme


@dataclass(frozen=True)
class TfliteRequest:
    """The .tflite files to make, how int8 is searched for, and on which images."""

    schemes: tuple[Scheme, ...]
    images: SavedImages
    output_kind: str
    plan: Plan
    threads: int


def names(schemes: Sequence[Scheme], file_format: str) -> list[str]:
    """The names of their files: ``int8.tflite``."""
    return [f"{scheme.name}.{file_format}" for scheme in schemes]


def tflite_files(
    graph: Graph, request: TfliteRequest, folder: Path, report: Report
) -> dict[Scheme, Made]:
    """Write a .tflite file of each scheme; what was made, by scheme."""
    calibration = Calibration(
        np.load(request.images.calibration, mmap_mode="r"), request.threads, report
    )
    evaluation = np.load(request.images.evaluation, mmap_mode="r")

    def searched(scheme: Scheme) -> Made:
        kind, plan = request.output_kind, request.plan
        return search.search(graph, calibration, evaluation, kind, plan, scheme).made()

    material = Material(graph, calibration.statistics, searched)
    made = registry.make(request.schemes, material)
    for scheme, found in made.items():
        (folder / f"{scheme.name}.tflite").write_bytes(found.graph.content)
    return made


def onnx_files(graph: Graph, made: dict[Scheme, Made], folder: Path) -> tuple[list[str], list[str]]:
    """Write the same as .onnx, as far as there is such a file; the names of the files, and a note
    on each that is not ours.

    ``graph``: the float graph.
    """
    written, notes = [], []
    for scheme, found in made.items():
        if not scheme.in_onnx:
            continue
        name = f"{scheme.name}.onnx"
        form = onnx_model.of_graph(graph if scheme in FLOATS else found.graph)
        if scheme == FLOAT16:
            half_weights.halve(form.model)
        (folder / name).write_bytes(form.model.SerializeToString(deterministic=True))
        written.append(name)
        if form.unsupported:
            notes.append(
                f"{name}: written by tf2onnx, which has {form.unsupported}; its names differ "
                "from those of the .tflite file"
            )
    return written, notes
