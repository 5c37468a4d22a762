"""Every file against Keras, in every runtime that reads its format."""

import hashlib
from pathlib import Path

import numpy as np

from export.artifact import Artifact
from export.loading import READERS, Trial, Trials
from export.onnx import signature
from models.command_line.errors import CheckFailed
from quantize.evaluate.output_comparison import compare
from quantize.graph import tensor_info
from quantize.graph.delegate import partitions
from quantize.graph.graph import Graph

MAX_FLOAT32_RELATIVE_ERROR = 1e-4
MIN_FLOAT16_SQNR_DB = 40.0
MIN_SAME_SQNR_DB = 10.0  # between two runtimes; kernels that round otherwise stay above 30


class Verification:
    """Trials of the files, run in the background.

    ``images``: a .npy of preprocessed float32 [n, h, w, c].
    """

    def __init__(self, images: Path, threads: int) -> None:
        self.images, self.threads = images, threads
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

    def artifacts(
        self, folder: Path, reference: np.ndarray, output_kind: str
    ) -> tuple[Artifact, ...]:
        """Wait for all trials and describe each file, beside Keras's ``reference`` outputs."""
        went: dict[str, dict] = {}
        for trials in self.trials:
            for name, trial in trials.results().items():
                went.setdefault(name, {})[trials.runtime] = trial
        return tuple(
            _artifact(folder / name, by_runtime, reference, output_kind)
            for name, by_runtime in went.items()
        )


def _artifact(
    path: Path, by_runtime: dict[str, Trial], reference: np.ndarray, output_kind: str
) -> Artifact:
    scheme, file_format = path.stem, path.suffix[1:]
    first = READERS[file_format][0]
    outputs = by_runtime[first].outputs
    tensors_in, tensors_out, ops = _described(path)
    return Artifact(
        name=path.name,
        format=file_format,
        scheme=scheme,
        sha256=sha256(path),
        bytes=path.stat().st_size,
        inputs=tensors_in,
        outputs=tensors_out,
        ops=ops,
        fidelity=None if outputs is None else compare(reference, outputs, output_kind),
        loads_in={runtime: _status(trial, outputs, first) for runtime, trial in by_runtime.items()},
        partitions=None if outputs is None or file_format != "tflite" else partitions(_graph(path)),
    )


def _status(trial: Trial, expected: np.ndarray | None, first: str) -> str:
    """The outcome of a trial, also where the runtime runs the file and computes other outputs."""
    if trial.outputs is None or expected is None:
        return trial.status
    # The kind of output does not matter to the one figure that is looked at.
    found = compare(expected[: len(trial.outputs)], trial.outputs, "logits").sqnr_db
    if found is None or found >= MIN_SAME_SQNR_DB:
        return trial.status
    return f"it runs, but its outputs differ from {first}'s (SQNR {found:.1f} dB)"


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
        return *signature.tensors(model), signature.op_histogram(model)
    graph = _graph(path)
    return *tensor_info.tensors(graph), graph.op_histogram


def _graph(path: Path) -> Graph:
    return Graph(path.read_bytes())
