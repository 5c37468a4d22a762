"""Every file against Keras, in every runtime that reads its format."""

import hashlib
from pathlib import Path

import numpy as np

from export import onnx_io
from export.artifact import Artifact, TensorInfo
from export.loading import READERS, Trials
from models.errors import CheckFailed
from quantize.fidelity import compare
from quantize.graph import Graph

MAX_FLOAT32_RELATIVE_ERROR = 1e-4
MIN_FLOAT16_SQNR_DB = 40.0


class Verification:
    """Trials of the files against Keras's outputs on ``images``, running in the background."""

    def __init__(
        self,
        images: np.ndarray,
        reference: np.ndarray,
        output_kind: str,
        scratch: Path,
        threads: int,
    ) -> None:
        self.reference, self.output_kind, self.threads = reference, output_kind, threads
        self.images = scratch / "images.npy"
        np.save(self.images, images)
        self.trials: list[Trials] = []

    def __enter__(self) -> "Verification":
        return self

    def __exit__(self, *_) -> None:
        for trials in self.trials:
            trials.stop()

    def start(self, file_format: str, folder: Path, names: list[str]) -> None:
        """Start trying the files of one format in each runtime that reads it."""
        for runtime in READERS[file_format]:
            files = [folder / name for name in names]
            self.trials.append(Trials(runtime, files, self.images, self.threads))

    def artifacts(self, folder: Path) -> tuple[Artifact, ...]:
        """Wait for all trials and describe each file."""
        went: dict[str, dict] = {}
        for trials in self.trials:
            for name, trial in trials.results().items():
                went.setdefault(name, {})[trials.runtime] = trial
        return tuple(self._artifact(folder / name, by) for name, by in went.items())

    def _artifact(self, path: Path, by_runtime: dict) -> Artifact:
        scheme, file_format = path.stem, path.suffix[1:]
        first = by_runtime[READERS[file_format][0]]
        inputs, outputs, ops = _described(path)
        return Artifact(
            name=path.name,
            format=file_format,
            scheme=scheme,
            sha256=sha256(path),
            bytes=path.stat().st_size,
            inputs=inputs,
            outputs=outputs,
            ops=ops,
            fidelity=self._fidelity(first.outputs),
            loads_in={runtime: trial.status for runtime, trial in by_runtime.items()},
        )

    def _fidelity(self, outputs: np.ndarray | None):
        if outputs is None:
            return None
        return compare(self.reference, outputs, self.output_kind)


def check(artifacts: tuple[Artifact, ...]) -> None:
    """CheckFailed for a file that its own runtime cannot run, or that is too far from Keras."""
    for artifact in artifacts:
        runtime = READERS[artifact.format][0]
        found = artifact.fidelity
        if found is None:
            raise CheckFailed(
                f"{artifact.name} does not run in {runtime}: {artifact.loads_in[runtime]}"
            )
        if artifact.scheme == "float32" and found.max_relative_error > MAX_FLOAT32_RELATIVE_ERROR:
            raise CheckFailed(
                f"{artifact.name} differs from Keras by {found.max_relative_error:.1e} of the "
                f"largest output; at most {MAX_FLOAT32_RELATIVE_ERROR:.0e} is allowed"
            )
        noisy = found.sqnr_db is not None and found.sqnr_db < MIN_FLOAT16_SQNR_DB
        if artifact.scheme == "float16" and noisy:
            raise CheckFailed(
                f"{artifact.name} has an SQNR of {found.sqnr_db:.1f} dB against Keras; "
                f"at least {MIN_FLOAT16_SQNR_DB:.0f} dB is wanted"
            )


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _described(path: Path):
    """Inputs, outputs and operators of a file."""
    if path.suffix == ".onnx":
        import onnx

        model = onnx.load(path)
        return *onnx_io.tensors(model), onnx_io.op_histogram(model)
    graph = Graph(path.read_bytes())
    return (
        tuple(_info(graph, name) for name in graph.inputs),
        tuple(_info(graph, name) for name in graph.outputs),
        graph.op_histogram,
    )


def _info(graph: Graph, name: str) -> TensorInfo:
    found = graph.quantization(name)
    return TensorInfo(
        name,
        tuple(int(n) for n in graph.tensor(name).shape),
        str(graph.dtype(name)),
        float(found.scale[0]) if found else None,
        int(found.zero_point[0]) if found else None,
    )
