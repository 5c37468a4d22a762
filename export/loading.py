"""Trial runs of exported files in their runtimes, in child processes that may crash.

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

from models.command_line.child_python import module_command
from quantize.runtime.affine_map import real, stored
from quantize.runtime.model_session import open_session

# The runtimes that every file is tried in, by format; the first computes the manifest's figures.
READERS = {"tflite": ("litert", "tflite-runtime"), "onnx": ("onnxruntime",)}
TIME_LIMIT_S = 600
IMAGES_IN_OTHERS = 2  # the other runtimes have to load the file and run it, no more


@dataclass(frozen=True)
class Trial:
    """``status`` is "ok" or why not; ``outputs`` float32 [n, k] as real numbers, if ok: of several
    one after the other, each flattened."""

    status: str
    outputs: np.ndarray | None = None


class Trials:
    """One runtime trying some files on the same images, in the background."""

    def __init__(
        self,
        runtime: str,
        files: list[Path],
        images: Path,
        threads: int,
        images_at_most: int | None = None,
    ) -> None:
        """``images``: a .npy of preprocessed float32 [n, h, w, c]; outputs are left beside it."""
        self.runtime, self.files, self.images, self.threads = runtime, files, images, threads
        self.images_at_most = images_at_most
        self.child = self._start(files)

    def _start(self, files: list[Path]):
        request = {
            "runtime": self.runtime,
            "files": [str(f) for f in files],
            "images": str(self.images),
            "threads": self.threads,
            "images_at_most": self.images_at_most,
        }
        return subprocess.Popen(
            module_command("export.loading", json.dumps(request)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def results(self) -> dict[str, Trial]:
        """The trial of each file, by its name; a file that kills the child costs only itself."""
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


def file_outputs(runtime: str, path: str, images: np.ndarray, threads: int) -> np.ndarray:
    """Outputs [n, k] as real numbers."""
    session = open_session(runtime, path, threads)
    source, *targets = _affine_maps(path, session)
    outputs = []
    for image in images:
        fed = stored(image, session.inputs[0].dtype, *source) if source else image
        session.feed(fed[None])
        session.run()
        found = [session.output(number).ravel() for number in range(len(targets))]
        rows = [real(row, *at) if at else row for row, at in zip(found, targets, strict=True)]
        outputs.append(np.concatenate(rows))
    return np.stack(outputs)


def _affine_maps(path: str, session) -> list[tuple[float, int] | None]:
    """Scale and zero point of the input and of each output; None for a float one."""
    ends = session.inputs[0], *session.outputs
    if not path.endswith(".onnx"):
        return [end.quantization for end in ends]
    import onnx

    from export.onnx.signature import affine_map

    model = onnx.load(path)
    return [affine_map(model, end.name) for end in ends]


def _attempt(asked: dict, path: str) -> tuple[str, str | None]:
    runtime, kept_beside = asked["runtime"], Path(asked["images"])
    try:
        images = np.load(kept_beside, mmap_mode="r")[: asked["images_at_most"]]
        outputs = file_outputs(runtime, path, images, asked["threads"])
    except ImportError:
        return "not installed", None
    except Exception as error:  # whatever a runtime raises is the finding
        return (str(error).strip() or type(error).__name__).splitlines()[0], None
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
