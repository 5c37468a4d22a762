"""The main job: a network becomes six or more verified files and a manifest."""

import hashlib
import json
import shlex
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from export import staging, verification, versions, writers
from export.artifact import Manifest
from export.image_sets import ImageSets, open_image_sets
from export.onnx import float_model_onnx
from export.verification import Verification
from export.worker_process import SPAWN, worker_process
from export.writers import TfliteRequest
from models import reference
from models.command_line import progress
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.keras_files import float_graph
from models.networks.spec import Preprocess
from models.source import Source, resolve
from quantize.graph import layer_names
from quantize.graph.graph import Graph
from quantize.methods.plan import Plan
from quantize.passes import bottleneck_split
from quantize.schemes import float_operators, further_schemes
from quantize.schemes.further_schemes import Made
from quantize.schemes.scheme import INT8, Scheme

POLL_S = 0.05


@dataclass(frozen=True)
class Wanted:
    """What is to be made of a network: how int8 is climbed to, which further files, and in how many
    channel groups bottlenecks are computed in all of them.
    """

    plan: Plan
    further: tuple[Scheme, ...]
    split: int = 1

    @classmethod
    def of(cls, options: Options, source: Source) -> "Wanted":
        """RequestError for RUNGS or SCHEMES that are not known."""
        plan = Plan.of(options.rungs, source, options.keep_float)
        return cls(plan, further_schemes.parse(options.schemes), options.split)


def export(options: Options) -> tuple[Manifest, bool]:
    """The manifest of the files that ``options`` ask for, and whether they had to be made.

    Where the same inputs already made them, nothing is done and TensorFlow is not imported.
    Raises RequestError for bad input, CheckFailed where a file is too far from Keras.
    """
    source = resolve(options)
    wanted = Wanted.of(options, source)
    folder = Path(options.out) / source.model_id
    earlier = _earlier(folder)
    size = source.size or _known_size(earlier, source)
    sets = open_image_sets(options, source, size) if size else None
    if (
        earlier
        and sets
        and earlier.key == _key(source, wanted, sets, size)
        and _intact(folder, earlier)
    ):
        return earlier, False
    with staging.staging(folder) as temporary:
        manifest = _make(options, source, wanted, sets, temporary)
        (temporary / "manifest.json").write_text(manifest.to_json())
        staging.publish(temporary, folder, [a.name for a in earlier.artifacts] if earlier else [])
    return manifest, True


def _make(
    options: Options, source: Source, wanted: Wanted, sets: ImageSets | None, folder: Path
) -> Manifest:
    """Write all files into ``folder`` and return the manifest that describes them.

    The TFLite side works in a child process of its own beside the ONNX side: in one process they
    would wait for each other's turn at Python's lock.
    """
    with (
        progress.step("export") as report,
        tempfile.TemporaryDirectory() as scratch_name,
        worker_process() as beside,
    ):
        scratch = Path(scratch_name)
        report("loading the network")
        beside.submit(writers.warm_up)
        network = source.load()
        sets = sets or open_image_sets(options, source, network.size)
        report("converting to the float graph")
        size = network.size
        content = float_graph.convert(network.keras_model, size.height, size.width, size.channels)
        split = bottleneck_split.split(
            Graph(content).named("image", network.output_name), wanted.split
        )
        graph = split.graph
        layer_names.find(graph, wanted.plan.keep_float)  # before the minutes that follow
        report("calibrating, quantizing and writing")
        described = _saved(sets, network.preprocess, scratch)
        request = TfliteRequest(
            calibration=scratch / "calibration.npy",
            judge=scratch / "judge.npy",
            output_kind=network.output_kind,
            plan=wanted.plan,
            threads=options.threads,
            further=wanted.further,
        )
        told, tell = SPAWN.Pipe(duplex=False)
        tflite = beside.submit(writers.tflite_files, graph, request, folder, tell)
        float_onnx = float_model_onnx.from_graph(graph)
        made = _awaited(tflite, told, report)
        onnx = writers.onnx_files(float_onnx, graph, made, folder)
        report("verifying against Keras")
        with Verification(scratch / "verification.npy", options.threads) as checks:
            checks.start("tflite", folder, request.names)
            checks.start("onnx", folder, onnx)
            answers = reference.predict(network, np.load(scratch / "verification.npy", "r"))
            artifacts = checks.artifacts(folder, answers, network.output_kind)
        verification.check(artifacts)
    return Manifest(
        model_id=source.model_id,
        key=_key(source, wanted, sets, network.size),
        model={**source.identity(), "labels_known": source.labels_known},
        output_kind=network.output_kind,
        classes=network.classes,
        preprocess=network.preprocess,
        **described,
        artifacts=artifacts,
        versions=versions.library_versions(),
        command=shlex.join(["python", "-m", "export", *sys.argv[1:]]),
        caveats=(*source.caveats, *sets.caveats(), *_caveats(made)),
        int8=made[INT8.name].described,
        further={name: m.described for name, m in made.items() if name != INT8.name},
        split=split.described(),
    )


def _awaited(work: Future, told: Connection, report: progress.Report) -> dict[str, Made]:
    """The result of ``work``; what it tells until then is reported."""
    while not work.done():
        if told.poll(POLL_S):
            report(*told.recv())
    return work.result()


def _saved(sets: ImageSets, preprocess: Preprocess, scratch: Path) -> dict[str, dict]:
    """Write the images of ``sets`` for other processes; what the manifest says of them."""
    calibrated = sets.save_calibration(scratch / "calibration.npy", preprocess)
    verified = sets.save_verification(scratch / "verification.npy", preprocess)
    sets.save_judge(scratch / "judge.npy", preprocess)
    return {
        "calibration": _described(sets.calibration, sets.calibration_indices, calibrated),
        "evaluation": _described(sets.evaluation, sets.verification_indices, verified),
    }


def _caveats(made: dict[str, Made]) -> Iterator[str]:
    """What falls short in the integer files, and which operators stay float in them unasked."""
    for name, found in made.items():
        yield from found.caveats
        if found.graph.quantization(found.graph.inputs[0]) is not None:
            said = float_operators.sentence(f"{name}.tflite", found.graph, found.kept_float)
            if said:
                yield said


def _described(images, indices: np.ndarray, readable: int) -> dict:
    return {
        "name": images.name,
        "images": readable,
        "content_sha256": images.content_hash(indices),
        "decoder": images.decoder,
        "skipped": len(indices) - readable,
    }


def _key(source: Source, wanted: Wanted, sets: ImageSets, size: ImageSize) -> str:
    """Hash of everything that the files depend on."""
    parts = [
        source.identity(),
        asdict(wanted),
        asdict(size),
        sets.fingerprint(),
        versions.library_versions(),
        versions.code_sha256(),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _earlier(folder: Path) -> Manifest | None:
    try:
        return Manifest.read(folder)
    except RequestError:  # none, or of another version: the export makes a new one
        return None


def _known_size(earlier: Manifest | None, source: Source) -> ImageSize | None:
    """Input size of a user's model that was exported before, so that it need not be loaded."""
    if earlier is None or any(earlier.model.get(k) != v for k, v in source.identity().items()):
        return None
    _, height, width, channels = earlier.artifacts[0].inputs[0].shape
    return ImageSize(height, width, channels)


def _intact(folder: Path, manifest: Manifest) -> bool:
    """Whether every file is there with the content that the manifest names."""
    for artifact in manifest.artifacts:
        path = folder / artifact.name
        if not path.is_file() or verification.sha256(path) != artifact.sha256:
            return False
    return True
