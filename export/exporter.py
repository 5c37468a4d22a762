"""The export: a network becomes six or more verified files and a manifest."""

import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from export import earlier_export, staging, verification, versions, writers
from export.artifact import MANIFEST_NAME, Artifact, Manifest
from export.image_sets import ImageSets, SavedImages
from export.request import ExportRequest
from export.tflite_process import TfliteProcess
from export.verification import Verification
from export.writers import TfliteRequest
from models import reference
from models.command_line import progress
from models.command_line.advice import options_line
from models.command_line.options import Options
from models.keras_files import float_graph
from models.network import Network
from quantize.graph import layer_names
from quantize.graph.graph import Graph
from quantize.methods.inputs import LISTING
from quantize.passes import bottleneck_split
from quantize.passes.bottleneck_split import Split
from quantize.schemes import float_operators
from quantize.schemes.registry import ALWAYS, Made
from quantize.schemes.scheme import INT8, Scheme


def export(options: Options) -> tuple[Manifest, bool]:
    """The manifest of the files that ``options`` ask for; False where they were there already.

    Where the same inputs already made them, nothing is done and TensorFlow is not imported.
    Raises RequestError for bad input, CheckFailed where a file is too far from Keras.
    """
    request = ExportRequest.of(options)
    earlier = earlier_export.read(request.folder)
    size, classes = earlier_export.known_shape(earlier, request)
    sets = request.open_image_sets(size, classes) if size else None
    if earlier_export.is_the_same(earlier, request, sets, size):
        return earlier, False
    with staging.staging(request.folder) as temporary:
        manifest = _make(request, sets, temporary)
        (temporary / MANIFEST_NAME).write_text(manifest.to_json())
        written_before = [a.name for a in earlier.artifacts] if earlier else []
        staging.publish(temporary, request.folder, written_before)
    return manifest, True


def _make(request: ExportRequest, sets: ImageSets | None, folder: Path) -> Manifest:
    """Write all files into ``folder``; the manifest that describes them."""
    with (
        progress.step("export") as report,
        tempfile.TemporaryDirectory() as scratch,
        TfliteProcess() as tflite,
    ):
        report("loading the network")
        network = request.source.load()
        sets = sets or request.open_image_sets(network.size, network.classes)
        report("converting to the float graph")
        split = _float_graph(network, request)
        report("calibrating, quantizing and writing")
        images = sets.save(Path(scratch), network.preprocess)
        tflite.start(split.graph, _tflite_request(request, network, images), folder)
        made = tflite.result(report)
        onnx_names, onnx_notes = writers.onnx_files(split.graph, made, folder)
        report("verifying against Keras")
        names = {"tflite": writers.names(request.schemes, "tflite"), "onnx": onnx_names}
        artifacts = _verified(network, images, names, folder, request.options.threads)
    return _manifest(request, network, sets, images, split, made, artifacts, onnx_notes)


def _float_graph(network: Network, request: ExportRequest) -> Split:
    """The float graph that all files are made of; RequestError for layers that are not there."""
    size = network.size
    content = float_graph.convert(network.keras_model, size.height, size.width, size.channels)
    graph = Graph(content).named("image", network.output_name)
    split = bottleneck_split.split(graph, request.options.split)
    listing = options_line(LISTING, request.options, "keep_float", "out", "schemes")
    layer_names.find(split.graph, request.plan.keep_float, listing)  # before the minutes to come
    return split


def _tflite_request(request: ExportRequest, network: Network, images: SavedImages) -> TfliteRequest:
    return TfliteRequest(
        schemes=request.schemes,
        images=images,
        output_kind=network.output_kind,
        plan=request.plan,
        threads=request.options.threads,
    )


def _verified(
    network: Network, images: SavedImages, names: dict[str, list[str]], folder: Path, threads: int
) -> tuple[Artifact, ...]:
    """Each file of ``names`` (by format), compared with Keras while runtimes run the others."""
    with Verification(images.verification, threads) as checks:
        for file_format, files in names.items():
            checks.start(file_format, folder, files)
        wanted = reference.predict(network, np.load(images.verification, "r"))
        artifacts = checks.artifacts(folder, wanted, network.output_kind)
    verification.check(artifacts)
    return artifacts


def _manifest(
    request: ExportRequest,
    network: Network,
    sets: ImageSets,
    images: SavedImages,
    split: Split,
    made: dict[Scheme, Made],
    artifacts: tuple[Artifact, ...],
    onnx_notes: list[str],
) -> Manifest:
    source = request.source
    return Manifest(
        model_id=source.model_id,
        key=request.key(sets, network.size),
        model={**source.identity(), "labels_known": source.labels_known},
        output_kind=network.output_kind,
        classes=network.classes,
        preprocess=network.preprocess,
        calibration=images.calibration_described,
        evaluation=images.verification_described,
        artifacts=artifacts,
        versions=versions.library_versions(),
        command=shlex.join(["python", "-m", "export", *sys.argv[1:]]),
        warnings=(
            *source.warnings,
            *network.notes,
            *sets.warnings(),
            *_warnings(made),
            *onnx_notes,
        ),
        int8=made[INT8].described,
        further={s.name: found.described for s, found in made.items() if s not in ALWAYS},
        split=split.described(),
        plan=asdict(request.plan),
    )


def _warnings(made: dict[Scheme, Made]) -> Iterator[str]:
    """Shortfalls of the integer files, and operators that stay float in them unasked."""
    for scheme, found in made.items():
        yield from found.warnings
        if found.graph.quantization(found.graph.inputs[0]) is not None:
            line = float_operators.sentence(f"{scheme.name}.tflite", found.graph, found.kept_float)
            if line:
                yield line
