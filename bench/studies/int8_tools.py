"""Tools that make int8 of one network: ours and the usual ones, each with the same calibration."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from bench.studies.nncf_process import ROUNDS, ratio_in_turns
from bench.studies.tool_environment import tool_python
from export.artifact import Artifact, Manifest
from models.command_line.child_python import module_command
from models.command_line.errors import DeviceError
from models.command_line.options import Options
from models.command_line.progress import Report
from quantize import compare
from quantize.evaluate import latency
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.methods.inputs import Inputs
from quantize.runtime import affine_map
from quantize.runtime.model_session import (
    EXACT_PRODUCTS,
    OnnxSession,
    new_session,
    open_session,
)

THREADS = 1
NNCF_PACKAGES = ("nncf>=3,<4", "openvino", "onnx", "onnxruntime")
NNCF_PROCESS = Path(__file__).with_name("nncf_process.py")
EXPORTED = "float32.onnx,int8.tflite,int8.onnx"
OF_THIS_STUDY = ("data", "calib", "n_calib", "n_eval", "out", "schemes", "split")
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


@dataclass(frozen=True)
class Material:
    """The network, the images, and ``scratch``, a folder. ``choosing``: what our methods are chosen
    by; ``judging``: what nobody sees before; preprocessed float32 [n, h, w, c]. ``environments``:
    the folder of those that are made for tools."""

    asked: Options
    inputs: Inputs
    choosing: np.ndarray
    judging: np.ndarray
    scratch: Path
    environments: Path
    report: Report
    rounds: int = ROUNDS

    @cached_property
    def exported(self) -> Path:
        """The folder with the files that our export makes, as every user's does, of the images to
        calibrate on and to choose by; DeviceError with what it said where it fails."""
        images = {"data": self.choosing, "calib": self.inputs.calibration}
        words = ["--n-calib", str(len(images["calib"])), "--files", EXPORTED]
        for name, values in images.items():
            path = self.scratch / f"{name}.npz"
            np.savez(path, x=self._pixels(values), y=np.zeros(len(values), int))
            words += [f"--{name}", str(path)]
        for option in fields(Options):
            value = getattr(self.asked, option.name)
            if value != option.default and option.name not in OF_THIS_STUDY:
                text = str(int(value) if value is True else value)
                words += ["--" + option.name.replace("_", "-"), text]
        out = self.scratch / "exported"
        _checked(module_command("export", *words, "--out", str(out)), "our export")
        (folder,) = out.iterdir()
        return folder

    def _pixels(self, images: np.ndarray) -> np.ndarray:
        """Images as they were before they were preprocessed, uint8 where nothing is lost so."""
        preprocess = self.inputs.network.preprocess
        pixels = (images - np.float32(preprocess.offset)) / np.float32(preprocess.scale)
        whole = np.rint(pixels)
        is_whole = np.abs(pixels - whole).max() < 1e-2
        return whole.astype(np.uint8) if is_whole else np.clip(pixels, 0, 255)


Tool = Callable[[Material], Iterator[Int8]]


def ours(material: Material) -> Iterator[Int8]:
    """The files of our export; the seconds are those of the methods, by its manifest."""
    folder = material.exported
    manifest = Manifest.read(folder)
    seconds = sum(tried["seconds"] for tried in manifest.int8["methods"])
    yield _in_litert(material, Graph((folder / "int8.tflite").read_bytes()), seconds)
    (written,) = (one for one in manifest.artifacts if one.name == "int8.onnx")
    yield _in_onnx_runtime(material, folder / written.name, seconds, written)


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
    yield _in_onnx_runtime(material, target, time.perf_counter() - start)


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
    _checked([str(python), "-I", str(NNCF_PROCESS), str(folder / "job.json")], "NNCF")
    result = json.loads(Path(job["result"]).read_text())
    yield Int8(OPENVINO, result["seconds"], np.load(job["outputs"]), result["latency_ratio"])
    yield _in_onnx_runtime(material, Path(job["int8"]), result["seconds"])


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
    return _in_litert(material, graph, time.perf_counter() - start)


def _in_litert(material: Material, graph: Graph, seconds: float) -> Int8:
    found = outputs(graph, material.judging, material.asked.threads)
    graphs = {"float32": material.inputs.graph, "int8": graph}
    took = latency.in_turns(graphs, THREADS, material.rounds)
    return Int8(LITERT, seconds, found, took["int8"].median_s / took["float32"].median_s)


def _in_onnx_runtime(
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


def _checked(command: list[str], who: str) -> None:
    """Run it to its end; DeviceError with the last line that it wrote where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise DeviceError(f"{who} failed: {(lines or [f'exit code {done.returncode}'])[-1]}")
