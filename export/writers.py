"""The files of each format, made from the one float graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.image_sets import SavedImages
from export.onnx import float_model_onnx, int8_onnx
from models.command_line.progress import Report
from quantize.graph.graph import Graph
from quantize.methods import search
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.schemes import registry
from quantize.schemes.registry import Made, Material
from quantize.schemes.scheme import FLOAT16, FLOAT32, Scheme


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


def onnx_files(float32, graph: Graph, made: dict[Scheme, Made], folder: Path) -> list[str]:
    """Write the same as .onnx, as far as there is such a file; the names of the files.

    ``float32``: the ONNX form of the float ``graph``.
    """
    written = {}
    for scheme, found in made.items():
        if found.float_form is None:
            continue
        if scheme == FLOAT32:
            written[scheme] = float32
        elif scheme == FLOAT16:
            written[scheme] = float_model_onnx.halve(float32)
        else:
            same = found.float_form.content == graph.content
            float_model = float32 if same else float_model_onnx.from_graph(found.float_form)
            written[scheme] = int8_onnx.quantize(float_model, found.graph)
    for scheme, model in written.items():
        content = model.SerializeToString(deterministic=True)
        (folder / f"{scheme.name}.onnx").write_bytes(content)
    return names(list(written), "onnx")
