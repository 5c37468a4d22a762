"""Every file against Keras, in every runtime that reads its format."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from export import arithmetic
from export.artifact import Artifact, Failure
from export.judge import EXACT_FORMAT, Judge
from export.limits import Limits
from export.loading import IMAGES_IN_OTHERS, READERS, Trial, Trials
from export.onnx import signature
from models.network import Network
from models.networks.output_tensor import VALUES
from quantize.evaluate.output_comparison import compare
from quantize.graph import tensor_info
from quantize.graph.delegate import partitions
from quantize.graph.graph import Graph
from quantize.schemes.scheme import FLOAT16

LARGE_BYTES = 64e6  # of a file: a runtime takes twice that, and there are several
MIN_SAME_SQNR_DB = 10.0  # between two runtimes; kernels that round otherwise stay above 30


@dataclass(frozen=True)
class FloatGraph:
    """The float graph that the files are made of, a .tflite file, and ``explained``: by the format
    of a float16 file, the same with what that file rounds."""

    path: Path
    explained: Mapping[str, Path]

    @classmethod
    def within(cls, folder: Path) -> "FloatGraph":
        """Files of that folder that are still to be written."""
        explained = {form: folder / f"half-{form}.tflite" for form in READERS}
        return cls(folder / "float.tflite", explained)


@dataclass(frozen=True)
class Verified:
    """The files that are right, those that are not, and sentences for beside the figures."""

    artifacts: tuple[Artifact, ...]
    failed: tuple[Failure, ...]
    warnings: tuple[str, ...]


class Verification:
    """Trials of the files, run in the background.

    ``images``: a .npy of preprocessed float32 [n, h, w, c].
    """

    def __init__(self, graph: FloatGraph, images: Path, threads: int) -> None:
        self.graph, self.images, self.threads = graph, images, threads
        self.trials: list[Trials] = []
        self._to_start: list[Callable[[], Trials]] = []

    def __enter__(self) -> "Verification":
        return self

    def __exit__(self, *_) -> None:
        for trials in self.trials:
            trials.stop()

    def start(self, folder: Path, names: Sequence[str]) -> None:
        """Start trying the files in each runtime that reads them: all at once, or one runtime after
        the other where the files are large."""
        half = [self.graph.explained[form] for form in READERS if f"{FLOAT16.name}.{form}" in names]
        if half:
            self._start("litert", half, None)
        for file_format, runtimes in READERS.items():
            files = [folder / name for name in names if name.endswith(f".{file_format}")]
            for runtime in runtimes if files else ():
                first = runtime == runtimes[0]
                self._start(runtime, files, None if first else IMAGES_IN_OTHERS)
        if max((file.stat().st_size for file in folder.iterdir()), default=0) < LARGE_BYTES:
            self.trials += [start() for start in self._to_start]
            self._to_start = []

    def _start(self, runtime: str, files: list[Path], images_at_most: int | None) -> None:
        trials = partial(Trials, runtime, files, self.images, self.threads, images_at_most)
        self._to_start.append(trials)

    def _results(self) -> Iterator[tuple[str, dict[str, Trial]]]:
        """Each runtime and its trials, as they are done."""
        for trials in self.trials:
            yield trials.runtime, trials.results()
        for start in self._to_start:
            self.trials.append(start())
            yield self.trials[-1].runtime, self.trials[-1].results()

    def judged(
        self, folder: Path, reference: np.ndarray, network: Network, limits: Limits
    ) -> Verified:
        """Wait for all trials, and judge each file beside Keras's ``reference`` outputs."""
        went: dict[str, dict[str, Trial]] = {}
        for runtime, trials in self._results():
            for name, trial in trials.items():
                went.setdefault(name, {})[runtime] = trial
        half = {
            form: went.pop(path.name)["litert"]
            for form, path in self.graph.explained.items()
            if path.name in went
        }
        judge = Judge(reference, network, limits, half, self._rounding(network))
        found = {
            name: _artifact(folder / name, by_runtime, reference, network)
            for name, by_runtime in went.items()
        }
        artifacts, failed = [], []
        for name, artifact in found.items():
            fault = judge.fault(artifact, went[name])
            if fault is None and artifact.format != EXACT_FORMAT:
                fault = judge.beside_twin(artifact, found.get(f"{artifact.scheme}.{EXACT_FORMAT}"))
            if fault is None:
                artifacts.append(artifact)
            else:
                failed.append(Failure(name, fault))
        return Verified(tuple(artifacts), tuple(failed), tuple(judge.warnings))

    def _rounding(self, network: Network) -> Callable[[], float]:
        path, images, threads = self.graph.path, self.images, self.threads
        return lambda: arithmetic.rounding_error(path, images, threads, network)


def _artifact(
    path: Path,
    by_runtime: dict[str, Trial],
    reference: np.ndarray,
    network: Network,
) -> Artifact:
    scheme, file_format = path.stem, path.suffix[1:]
    first = READERS[file_format][0]
    outputs = by_runtime[first].outputs
    tensors_in, tensors_out, ops = _described(path)
    compared = None
    if outputs is not None:
        compared = compare(reference, outputs, network.output_kind, network.outputs)
    return Artifact(
        name=path.name,
        format=file_format,
        scheme=scheme,
        sha256=sha256(path),
        bytes=path.stat().st_size,
        inputs=tensors_in,
        outputs=tensors_out,
        ops=ops,
        fidelity=compared,
        loads_in={runtime: _status(trial, outputs, first) for runtime, trial in by_runtime.items()},
        partitions=None if outputs is None or file_format != "tflite" else partitions(_graph(path)),
    )


def _status(trial: Trial, expected: np.ndarray | None, first: str) -> str:
    """The outcome of a trial, also where the runtime runs the file and computes other outputs."""
    if trial.outputs is None or expected is None:
        return trial.status
    # What the outputs mean does not matter to the one figure that is looked at.
    found = compare(expected[: len(trial.outputs)], trial.outputs, VALUES).sqnr_db
    if found is None or found >= MIN_SAME_SQNR_DB:
        return trial.status
    return f"it runs, but its outputs differ from {first}'s (SQNR {found:.1f} dB)"


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
