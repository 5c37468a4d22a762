"""Whether a runtime loads and runs a file, found out in a child process that may crash.

The child half of this file (``python -m export.loading``) imports the one runtime it is asked for.
"""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

READERS = {"tflite": ("litert", "tflite-runtime"), "onnx": ("onnxruntime",)}  # the judge first
TIME_LIMIT_S = 600
IMAGES_IN_OTHERS = 2  # a runtime that does not judge has to load the file and run it, no more


@dataclass(frozen=True)
class Trial:
    """``status`` is "ok" or why not; ``outputs`` float32 [n, classes] as real numbers, if ok."""

    status: str
    outputs: np.ndarray | None = None


class Trials:
    """One runtime trying some files on the same images, in the background."""

    def __init__(self, runtime: str, files: list[Path], images: Path, threads: int) -> None:
        """``images``: a .npy of preprocessed float32 [n, h, w, c]; outputs are left beside it."""
        self.runtime, self.files, self.images, self.threads = runtime, files, images, threads
        self.judges = any(runtime == runtimes[0] for runtimes in READERS.values())
        self.child = self._start(files)

    def _start(self, files: list[Path]):
        request = {
            "runtime": self.runtime,
            "files": [str(f) for f in files],
            "images": str(self.images),
            "threads": self.threads,
            "images_at_most": None if self.judges else IMAGES_IN_OTHERS,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "export.loading", json.dumps(request)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def results(self) -> dict[str, Trial]:
        """Each file's name to how it went; a file that kills the child costs only itself."""
        found: dict[str, Trial] = {}
        left = list(self.files)
        while left:
            try:
                answer, _ = self.child.communicate(timeout=TIME_LIMIT_S)
                end = f"the process ended with code {self.child.returncode}"
            except subprocess.TimeoutExpired:
                self.child.kill()
                answer, _ = self.child.communicate()
                end = f"no answer within {TIME_LIMIT_S} s"
            for line in answer.splitlines():
                name, status, outputs = json.loads(line)
                found[name] = Trial(status, np.load(outputs) if outputs else None)
            left = [file for file in left if file.name not in found]
            if left:
                found[left[0].name] = Trial(end)
                left = left[1:]
            if left:
                self.child = self._start(left)
        return found

    def stop(self) -> None:
        """End the child if it still runs.

        The wait has a limit because a Ctrl-C at the wrong instant leaves Popen's lock taken for
        good, and an unlimited wait for it would never return.
        """
        self.child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(timeout=5)


def _tflite(interpreter_class, path: str, images: np.ndarray, threads: int) -> np.ndarray:
    interpreter = interpreter_class(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for image in images:
        interpreter.set_tensor(source["index"], _stored(image, source["dtype"], source))
        interpreter.invoke()
        outputs.append(_real(interpreter.get_tensor(target["index"]), target)[0])
    return np.stack(outputs)


def _stored(image: np.ndarray, dtype, detail) -> np.ndarray:
    image = image[None]
    if dtype == np.float32:
        return image
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(dtype)
    return np.clip(np.round(image / scale) + zero_point, limits.min, limits.max).astype(dtype)


def _real(values: np.ndarray, detail) -> np.ndarray:
    if values.dtype == np.float32:
        return values
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _litert(path, images, threads):
    from ai_edge_litert.interpreter import Interpreter

    return _tflite(Interpreter, path, images, threads)


def _tflite_runtime(path, images, threads):
    from tflite_runtime.interpreter import Interpreter

    return _tflite(Interpreter, path, images, threads)


def _onnxruntime(path, images, threads):
    import onnx
    import onnxruntime

    from export.onnx.signature import affine_map

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    model = onnx.load(path)
    source, target = session.get_inputs()[0], session.get_outputs()[0]
    dtype = np.int8 if source.type == "tensor(int8)" else np.float32
    into = {"quantization": affine_map(model, source.name)}
    back = {"quantization": affine_map(model, target.name)}
    outputs = []
    for image in images:
        values = session.run([target.name], {source.name: _stored(image, dtype, into)})[0]
        outputs.append(_real(values, back)[0])
    return np.stack(outputs)


RUNNERS = {"litert": _litert, "tflite-runtime": _tflite_runtime, "onnxruntime": _onnxruntime}


def _attempt(asked: dict, path: str) -> tuple[str, str | None]:
    runtime, kept_beside = asked["runtime"], Path(asked["images"])
    try:
        images = np.load(kept_beside, mmap_mode="r")[: asked["images_at_most"]]
        outputs = RUNNERS[runtime](path, images, asked["threads"])
    except ImportError:
        return "not installed", None
    except Exception as error:  # whatever a runtime raises is the finding
        return str(error).strip().splitlines()[0], None
    if not np.isfinite(outputs).all():
        return "ran, but its outputs are not finite", None
    kept = kept_beside.with_name(f"{Path(path).name}.{runtime}.npy")
    np.save(kept, outputs.astype(np.float32))
    return "ok", str(kept)


def main(argv: list[str]) -> int:
    """The child: one JSON line for each file as it is done."""
    asked = json.loads(argv[0])
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # runtimes print; only our lines may reach the parent
    for path in asked["files"]:
        status, outputs = _attempt(asked, path)
        print(json.dumps([Path(path).name, status, outputs]), file=lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
