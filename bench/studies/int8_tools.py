"""Tools that make int8 of one network: ours and the usual ones, each with the same calibration."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from bench.studies.int8_material import Material, run_to_end
from bench.studies.measured_int8 import OPENVINO, THREADS, Int8, in_litert, in_onnx_runtime
from bench.studies.tool_environment import tool_python
from export.artifact import Manifest
from quantize import compare
from quantize.graph.graph import Graph
from quantize.runtime.model_session import open_session

NNCF_PACKAGES = ("nncf>=3,<4", "openvino", "onnx", "onnxruntime")
NNCF_PROCESS = Path(__file__).with_name("nncf_process.py")

Tool = Callable[[Material], Iterator[Int8]]


def ours(material: Material) -> Iterator[Int8]:
    """The files of our export; the seconds are those of the methods, by its manifest."""
    folder = material.exported
    manifest = Manifest.read(folder)
    seconds = sum(tried["seconds"] for tried in manifest.int8["methods"])
    yield in_litert(material, Graph((folder / "int8.tflite").read_bytes()), seconds)
    (written,) = (one for one in manifest.artifacts if one.name == "int8.onnx")
    yield in_onnx_runtime(material, folder / written.name, seconds, written)


def tensorflow(material: Material) -> Iterator[Int8]:
    yield _timed_in_litert(material, lambda: compare.by_tensorflow(material.inputs))


def litert_quantizer(material: Material) -> Iterator[Int8]:
    graph, images = material.inputs.graph, material.inputs.calibration
    yield _timed_in_litert(material, lambda: compare.by_litert_quantizer(graph, images))


def onnx_runtime(material: Material) -> Iterator[Int8]:
    """Its static quantization: pairs of QuantizeLinear and DequantizeLinear, per channel."""
    from onnxruntime import quantization

    float32, target = material.exported / "float32.onnx", material.scratch / "onnx-runtime.onnx"
    name = open_session("onnxruntime", float32).inputs[0].name

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(material.inputs.calibration)

        def get_next(self):
            image = next(self.left, None)
            return None if image is None else {name: np.array(image[None])}

    start = time.perf_counter()
    quantization.quantize_static(str(float32), str(target), Reader(), per_channel=True)
    yield in_onnx_runtime(material, target, time.perf_counter() - start)


def nncf(material: Material, ranges: str = "mean", overflow_fix: bool = False) -> Iterator[Int8]:
    """NNCF with its accurate bias correction, in OpenVINO, then in ONNX Runtime. ``ranges`` and
    ``overflow_fix`` as of ``nncf_process``."""
    python = tool_python(material.environments / "nncf", NNCF_PACKAGES, material.report)
    material.report("NNCF")
    folder = material.scratch / f"nncf-{ranges}-{overflow_fix}"
    folder.mkdir()
    shutil.copy(material.exported / "float32.onnx", folder)
    places = {
        "float32": "float32.onnx", "int8": "int8.onnx", "calibration": "calibration.npy",
        "judging": "judging.npy", "outputs": "outputs.npy", "result": "result.json",
    }  # fmt: skip
    job = {name: str(folder / place) for name, place in places.items()}
    np.save(job["calibration"], material.inputs.calibration)
    np.save(job["judging"], material.judging)
    job |= {"ranges": ranges, "overflow_fix": overflow_fix}
    job |= {"threads": THREADS, "rounds": material.rounds}
    (folder / "job.json").write_text(json.dumps(job))
    run_to_end([str(python), "-I", str(NNCF_PROCESS), str(folder / "job.json")], "NNCF")
    result = json.loads(Path(job["result"]).read_text())
    yield Int8(OPENVINO, result["seconds"], np.load(job["outputs"]), result["latency_ratio"])
    yield in_onnx_runtime(material, Path(job["int8"]), result["seconds"])


TOOLS: dict[str, Tool] = {
    "ours": ours,
    "TensorFlow's converter": tensorflow,
    "litert-quantizer": litert_quantizer,
    "ONNX Runtime's quantizer": onnx_runtime,
    "NNCF": nncf,
    "NNCF, min-max": partial(nncf, ranges="min-max"),
    "NNCF, min-max, half range": partial(nncf, ranges="min-max", overflow_fix=True),
}


def _timed_in_litert(material: Material, make: Callable[[], Graph]) -> Int8:
    start = time.perf_counter()
    graph = make()
    return in_litert(material, graph, time.perf_counter() - start)
