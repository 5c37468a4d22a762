"""The export: a network becomes six or more verified files and a manifest."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from export import earlier_export, memory, place_check, staging, versions
from export.artifact import MANIFEST_NAME, Artifact, Failure, Manifest, Unmade, described
from export.export_file import ALL, ExportFile, FileOptions, all_files
from export.file_maker import MakeRequest, Written
from export.image_sets import ImageSets, SavedImages
from export.judge import lost_predictions
from export.maker_process import MakerProcess
from export.request import ExportRequest
from export.verification import FloatGraph, Verification, Verified
from models.command_line import progress
from models.command_line.advice import options_line
from models.command_line.errors import CheckFailed, CommandError, DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.scratch import scratch_folder
from models.network import Network
from quantize.graph import layer_names
from quantize.graph.broken_weights import check_weights
from quantize.graph.network_graph import network_graph
from quantize.methods.inputs import LISTING
from quantize.methods.plan import has_random_weights
from quantize.passes import bottleneck_split
from quantize.passes.bottleneck_split import Split
from quantize.schemes.registry import ALWAYS
from quantize.schemes.scheme import INT8


def export(options: Options, wanted: FileOptions = ALL) -> tuple[Manifest, bool]:
    """The manifest of the files that ``options`` ask for; False where they were there already.

    Where the same inputs already made them, nothing is done and TensorFlow is not imported; files
    of the same inputs that are not asked for again stay. Files that cannot be made, or are not
    right, are in the manifest as ``failed``. Raises RequestError for bad input, and the error of
    those where no file is right.
    """
    request = ExportRequest.of(options, wanted)
    place_check.check_place(request.folder)
    stored = staging.stored_manifest(request.folder)
    found = earlier_export.read(request.folder)
    size, classes = earlier_export.known_shape(found, request)
    sets = request.open_image_sets(size, classes) if size else None
    earlier = earlier_export.of_the_same(found, request, sets, size)
    kept = earlier_export.intact(request.folder, earlier)
    missing = _missing(request, earlier, kept)
    if not missing:
        return earlier, False
    with staging.staging(request.folder) as temporary:
        manifest = _make(request, missing, sets, temporary)
        if earlier:
            manifest = _with_earlier(manifest, earlier, kept)
        (temporary / MANIFEST_NAME).write_text(manifest.to_json())
        staging.publish(temporary, request.folder, {one.name for one in kept}, stored)
    return manifest, True


def error_of(failed: Sequence[Failure]) -> CommandError:
    """The error that names files which are not there; CheckFailed unless this machine was not up to
    one of them."""
    kind = DeviceError if any(isinstance(one, Unmade) for one in failed) else CheckFailed
    return kind("; ".join(failure.sentence for failure in failed))


def _missing(
    request: ExportRequest, earlier: Manifest | None, kept: tuple[Artifact, ...]
) -> list[ExportFile]:
    """The files to make: those that are wanted or were there, but for those that are there."""
    before = {artifact.name for artifact in earlier.artifacts} if earlier else set()
    wanted = before | {file.name for file in request.files}
    there = {artifact.name for artifact in kept}
    return [file for file in all_files() if file.name in wanted - there]


def _with_earlier(made: Manifest, earlier: Manifest, kept: tuple[Artifact, ...]) -> Manifest:
    """The manifest of the files ``made`` now and of those ``kept`` of the same export before."""
    by_name = {artifact.name: artifact for artifact in (*made.artifacts, *kept)}
    failed = {one.name: one for one in (*earlier.failed, *made.failed) if one.name not in by_name}
    return replace(
        made,
        artifacts=tuple(by_name[file.name] for file in all_files() if file.name in by_name),
        warnings=tuple(dict.fromkeys((*made.warnings, *earlier.warnings))),
        int8=made.int8 or earlier.int8,
        further={**earlier.further, **made.further},
        failed=tuple(failed.values()),
    )


def _make(
    request: ExportRequest, files: list[ExportFile], sets: ImageSets | None, folder: Path
) -> Manifest:
    """Write ``files`` into ``folder``; the manifest that describes them."""
    with (
        progress.step("export") as report,
        scratch_folder() as scratch,
        MakerProcess() as maker,
    ):
        report("loading the network")
        network = request.source.load()
        sets = sets or request.open_image_sets(network.size, network.classes)
        report("converting to the float graph")
        split = _float_graph(network, request)
        graph = FloatGraph.within(scratch)
        graph.path.write_bytes(split.graph.content)
        report("calibrating, quantizing and writing")
        images = sets.save(scratch, network.preprocess)
        maker.start(_make_request(request, network, images, graph, folder), files)
        outputs = _reference(request.source.reference, network, images)
        # Neither is needed any more, and both are as large as the files.
        network, split = replace(network, model=None), split.described()
        memory.give_back()
        made = maker.result(report)
        report(f"verifying against {request.source.reference}")
        verified = _verified(request, network, graph, images, outputs, made, folder)
    return _manifest(request, network, sets, images, split, made, verified)


def _reference(name: str, network: Network, images: SavedImages) -> np.ndarray:
    """The outputs that files are compared with, on the images that they are verified on. ``name``:
    what computes them."""
    outputs = network.model.predict(np.load(images.verification, "r"))
    broken = int((~np.isfinite(outputs)).any(axis=1).sum())
    if broken:
        raise RequestError(
            f"the outputs of {name} are NaN or infinite on {broken} of {len(outputs)} images; "
            "expected a trained network: look for weights that are NaN, infinite or very large, "
            "and for a wrong SCALE or OFFSET"
        )
    return outputs


def _float_graph(network: Network, request: ExportRequest) -> Split:
    """The float graph that all files are made of; RequestError for layers that are not there."""
    graph = network_graph(network)
    check_weights(graph)
    split = bottleneck_split.split(graph, request.options.split)
    listing = options_line(LISTING, request.options, "keep_float", "out", "schemes")
    layer_names.find(split.graph, request.plan.keep_float, listing)  # before the minutes to come
    return split


def _make_request(
    request: ExportRequest, network: Network, images: SavedImages, graph: FloatGraph, folder: Path
) -> MakeRequest:
    return MakeRequest(
        graph=graph.path,
        folder=folder,
        explained=graph.explained,
        images=images,
        output_kind=network.output_kind,
        outputs=network.outputs,
        plan=request.plan,
        threads=request.options.threads,
    )


def _verified(
    request: ExportRequest,
    network: Network,
    graph: FloatGraph,
    images: SavedImages,
    outputs: np.ndarray,
    made: dict[ExportFile, Written | Failure],
    folder: Path,
) -> Verified:
    """Each file that was made, judged beside Keras's ``outputs``; those that are wrong go.

    Their error where nothing is left.
    """
    names = [file.name for file, found in made.items() if isinstance(found, Written)]
    not_made = tuple(found for found in made.values() if isinstance(found, Failure))
    with Verification(graph, images.verification, request.options.threads) as checks:
        checks.start(folder, names)
        found = checks.judged(folder, outputs, network, request.limits)
    failed = (*not_made, *found.failed)
    if not found.artifacts:
        raise error_of(failed)
    for failure in found.failed:
        (folder / failure.name).unlink()
    return replace(found, failed=failed)


def _manifest(
    request: ExportRequest,
    network: Network,
    sets: ImageSets,
    images: SavedImages,
    split: dict,
    made: dict[ExportFile, Written | Failure],
    verified: Verified,
) -> Manifest:
    source = request.source
    files = {file: found for file, found in made.items() if isinstance(found, Written)}
    written = {file.scheme: found for file, found in files.items()}
    warnings = [*source.warnings, *network.notes, *network.guesses, *sets.warnings()]
    warnings += [warning for found in files.values() for warning in found.warnings]
    warnings += verified.warnings
    if not has_random_weights(source):
        warnings += lost_predictions(verified.artifacts, network.reference)
    return Manifest(
        model_id=source.model_id,
        key=request.key(sets, network.size),
        model={**source.identity(), "labels_known": source.labels_known},
        reference=source.reference,
        **described(network),
        calibration=images.calibration_described,
        evaluation=images.verification_described,
        artifacts=verified.artifacts,
        versions=versions.library_versions(),
        command=shlex.join(["mobilenet-export", *sys.argv[1:]]),
        warnings=tuple(dict.fromkeys(warnings)),
        int8=written[INT8].described if INT8 in written else {},
        further={s.name: found.described for s, found in written.items() if s not in ALWAYS},
        split=split,
        plan=asdict(request.plan),
        failed=verified.failed,
    )
