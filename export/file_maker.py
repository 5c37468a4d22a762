"""The files of an export, made one by one from the one float graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.export_file import ExportFile
from export.image_sets import SavedImages
from export.onnx import half_weights, onnx_model
from models.command_line.progress import Report
from models.networks.output_tensor import OutputTensor
from quantize.graph.graph import Graph
from quantize.methods import search
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.schemes import float16, float_operators
from quantize.schemes.registry import SCHEMES, Made, Material
from quantize.schemes.scheme import FLOAT16, FLOATS, Scheme

# By format: what a float16 file rounds, which differs between the writers.
EXPLAINED = {"tflite": float16.rounded, "onnx": float16.all_rounded}


@dataclass(frozen=True)
class MakeRequest:
    """The float graph, a .tflite file, and the folder that files of it go to.

    ``explained``: by the format of a float16 file, where to write the float32 .tflite file whose
    outputs explain those of that file.
    ``images``: to search for int8 on, by ``plan``; ``output_kind`` and ``outputs``:
    of the network.
    """

    graph: Path
    folder: Path
    explained: Mapping[str, Path]
    images: SavedImages
    output_kind: str
    outputs: tuple[OutputTensor, ...]
    plan: Plan
    threads: int


@dataclass(frozen=True)
class Written:
    """The way in which a file came about: ``described`` is JSON-able, ``warnings`` sentences."""

    described: dict
    warnings: tuple[str, ...]


class FileMaker:
    """The part that files of one float graph share: statistics of its activations, and the form of
    each scheme, which is made once for both formats."""

    def __init__(self, request: MakeRequest, report: Report) -> None:
        self.request = request
        self.graph = Graph(request.graph.read_bytes())
        images = request.images
        training = images.training.opened() if images.training else None
        calibration = Calibration(
            np.load(images.calibration, "r"), request.threads, report, training=training
        )
        evaluation = np.load(images.evaluation, "r")

        def searched(scheme: Scheme) -> Made:
            kind, plan = request.output_kind, request.plan
            found = search.search(
                self.graph, calibration, evaluation, kind, plan, scheme, tensors=request.outputs
            )
            return found.made()

        self._material = Material(self.graph, calibration.statistics, searched)
        self._made: dict[Scheme, Made | Exception] = {}

    def write(self, file: ExportFile) -> Written:
        """Write ``file``; raises what made it impossible, the same for both formats of a scheme."""
        made = self._of_scheme(file.scheme)
        if file.scheme == FLOAT16:
            explained = EXPLAINED[file.format](self.graph).content
            self.request.explained[file.format].write_bytes(explained)
        path, notes = self.request.folder / file.name, []
        if file.format == "tflite":
            path.write_bytes(made.graph.content)
            notes += _left_float(file.scheme, made)
        else:
            notes += write_onnx(self.graph, file.scheme, made, path)
        return Written(made.described, (*made.warnings, *notes))

    def _of_scheme(self, scheme: Scheme) -> Made:
        if scheme not in self._made:
            try:
                self._made[scheme] = SCHEMES[scheme](self._material)
            except Exception as error:
                self._made[scheme] = error
        made = self._made[scheme]
        if isinstance(made, Exception):
            raise made
        return made


def write_onnx(graph: Graph, scheme: Scheme, made: Made, path: Path) -> Iterator[str]:
    """Write the ONNX form of a scheme of the float ``graph``; a note where it is not ours."""
    form = onnx_model.of_graph(graph if scheme in FLOATS else made.graph)
    if scheme == FLOAT16:
        half_weights.halve(form.model)
    path.write_bytes(form.model.SerializeToString(deterministic=True))
    if form.unsupported:
        yield (
            f"{path.name}: written by tf2onnx, which has {form.unsupported}; its names differ from "
            "those of the .tflite file"
        )


def _left_float(scheme: Scheme, made: Made) -> Iterator[str]:
    """A sentence on the operators that stay float in integer files unasked."""
    if made.graph.quantization(made.graph.inputs[0]) is not None:
        line = float_operators.sentence(f"{scheme.name}.tflite", made.graph, made.kept_float)
        if line:
            yield line
