"""The files of each format, made from the one float graph."""

from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from export import onnx_float, onnx_int8
from quantize import int8, ladder
from quantize.further_schemes import FURTHER
from quantize.graph import Graph
from quantize.plan import Plan
from quantize.rungs import Calibration
from quantize.scheme import SCHEMES, Scheme


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
    import ai_edge_quantizer  # noqa: F401


def tflite_files(
    graph: Graph, request: TfliteRequest, folder: Path, told: Connection
) -> ladder.Climb:
    """Write float32, float16, int8 and further .tflite files; how int8 came about.

    Runs in a child process; sends what it reports through ``told``.
    """
    images = Calibration(
        np.load(request.calibration, mmap_mode="r"),
        request.threads,
        lambda *report: told.send(report),
    )
    judge = np.load(request.judge, mmap_mode="r")
    climb = ladder.climb(graph, images, judge, request.output_kind, request.plan)
    made = [graph, int8.halve(graph), climb.int8_graph]
    made += [FURTHER[scheme](graph, images) for scheme in request.further]
    for name, written in zip(request.names, made, strict=True):
        (folder / name).write_bytes(written.content)
    return climb


def onnx_files(float32, graph: Graph, climb: ladder.Climb, folder: Path) -> list[str]:
    """Write the same three as .onnx, from ``graph`` and its float ONNX form; their file names."""
    same = climb.graph.content == graph.content
    float_form = float32 if same else onnx_float.from_graph(climb.graph)
    made = {
        "float32.onnx": float32,
        "float16.onnx": onnx_float.halve(float32),
        "int8.onnx": onnx_int8.quantize(float_form, climb.int8_graph),
    }
    for name, model in made.items():
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    return list(made)
