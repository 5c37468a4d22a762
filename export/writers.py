"""The files of each format, made from the one float graph."""

from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from export.onnx import float_model_onnx, int8_onnx
from quantize.graph.graph import Graph
from quantize.methods import search
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.schemes import int8
from quantize.schemes.further_schemes import FURTHER, Made, Material
from quantize.schemes.scheme import FLOAT16, FLOAT32, INT8, SCHEMES, Scheme


@dataclass(frozen=True)
class TfliteRequest:
    """Which .tflite files are wanted beside those always made, how int8 is made, and from what.

    ``calibration`` and ``judge``: .npy files of preprocessed float32 images [n, h, w, c].
    """

    calibration: Path
    judge: Path
    output_kind: str
    plan: Plan
    threads: int
    further: tuple[Scheme, ...] = ()

    @property
    def names(self) -> list[str]:
        """The files that are written."""
        return [f"{scheme.name}.tflite" for scheme in (*SCHEMES, *self.further)]


def warm_up() -> None:
    """Import what ``tflite_files`` needs, while the parent process still imports TensorFlow."""
    import litert_quantizer  # noqa: F401


def tflite_files(
    graph: Graph, request: TfliteRequest, folder: Path, told: Connection
) -> dict[str, Made]:
    """Write float32, float16, int8 and further .tflite files; the integer ones, by scheme.

    Runs in a child process; sends what it reports through ``told``.
    """
    images = Calibration(
        np.load(request.calibration, mmap_mode="r"),
        request.threads,
        lambda *report: told.send(report),
    )
    judge = np.load(request.judge, mmap_mode="r")
    climb = partial(search.climb, graph, images, judge, request.output_kind, request.plan)
    material = Material(graph, images, climb)
    made = {INT8.name: Made.of(climb(INT8))}
    made |= {scheme.name: FURTHER[scheme](material) for scheme in request.further}
    written = {FLOAT32.name: graph, FLOAT16.name: int8.halve(graph)}
    written |= {name: found.graph for name, found in made.items()}
    for name, found in written.items():
        (folder / f"{name}.tflite").write_bytes(found.content)
    return made


def onnx_files(float32, graph: Graph, made: dict[str, Made], folder: Path) -> list[str]:
    """Write the same as .onnx, as far as there is such a file; the names of the files.

    ``float32``: the ONNX form of the float ``graph``.
    """
    written = {FLOAT32.name: float32, FLOAT16.name: float_model_onnx.halve(float32)}
    for name, found in made.items():
        form = found.float_form
        if form is not None:
            same = form.content == graph.content
            float_model = float32 if same else float_model_onnx.from_graph(form)
            written[name] = int8_onnx.quantize(float_model, found.graph)
    names = []
    for name, model in written.items():
        names.append(f"{name}.onnx")
        (folder / names[-1]).write_bytes(model.SerializeToString(deterministic=True))
    return names
