"""An int8 file in its runtime: the outputs of the images that judge, and its latency."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.studies.int8_material import Material
from bench.studies.nncf_process import ratio_in_turns
from export.artifact import Artifact
from quantize.evaluate import latency
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.runtime import affine_map
from quantize.runtime.model_session import (
    EXACT_PRODUCTS,
    OnnxSession,
    new_session,
    open_session,
)

THREADS = 1
LITERT, ONNX_RUNTIME, OPENVINO = "LiteRT", "ONNX Runtime", "OpenVINO"
INEXACT = f"{ONNX_RUNTIME}*"


@dataclass(frozen=True)
class Int8:
    """An int8 form in a ``runtime``: the seconds that it took to make, its ``outputs`` float32
    [n, k] of the judging images, and its latency over that of float32 there."""

    runtime: str
    seconds: float
    outputs: np.ndarray
    latency_ratio: float


def in_litert(material: Material, graph: Graph, seconds: float) -> Int8:
    found = outputs(graph, material.judging, material.asked.threads)
    graphs = {"float32": material.inputs.graph, "int8": graph}
    took = latency.in_turns(graphs, THREADS, material.rounds)
    return Int8(LITERT, seconds, found, took["int8"].median_s / took["float32"].median_s)


def in_onnx_runtime(
    material: Material, path: Path, seconds: float, written: Artifact | None = None
) -> Int8:
    """``written``: what is known of a file whose ends are integers; None: they are floats."""
    float32 = open_session("onnxruntime", material.exported / "float32.onnx", THREADS)
    int8, runtime = _opened(path)
    found = [_outputs_of(int8, image, written) for image in material.judging]
    _outputs_of(float32, material.judging[0])
    ratio = ratio_in_turns(float32.run, int8.run, material.rounds)
    return Int8(runtime, seconds, np.stack(found), ratio)


def _opened(path: Path) -> tuple[OnnxSession, str]:
    """A session of the file and the name of its runtime, which says so where sums of products may
    overflow: with exact ones ONNX Runtime refuses some files of its own quantizer."""
    session, runtime = new_session("onnxruntime", THREADS), ONNX_RUNTIME
    try:
        session.load(path)
    except Exception:  # it raises what it likes
        setting, _ = EXACT_PRODUCTS
        session.options.add_session_config_entry(setting, "0")
        session.load(path)
        runtime = INEXACT
    return session, runtime


def _outputs_of(session, image: np.ndarray, written: Artifact | None = None) -> np.ndarray:
    """Real outputs float32 [k] of one image."""
    fed = image[None]
    if written is not None:
        (end,) = written.inputs
        fed = affine_map.stored(fed, end.dtype, end.scale, end.zero_point)
    session.feed(np.array(fed))
    session.run()
    found = [session.output(number) for number in range(len(session.outputs))]
    if written is not None:
        found = [
            affine_map.real(values, end.scale, end.zero_point)
            for values, end in zip(found, written.outputs, strict=True)
        ]
    return np.concatenate([np.ravel(values) for values in found]).astype(np.float32)
