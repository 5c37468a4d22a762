"""Files that others made, described as a manifest describes exported ones."""

from collections.abc import Sequence
from pathlib import Path

from export.artifact import Artifact, Manifest, described
from models.command_line.errors import RequestError
from models.file_source import FileSource
from models.model_files.model_file import End, ModelFile
from models.naming import content_sha256
from models.opened_file import open_model_file, weight_files
from quantize.graph.tensor_info import TensorInfo


def manifest_of(source: FileSource) -> tuple[Manifest, dict[str, Path]]:
    """A manifest of the files that ``source`` names, and their places by name.

    RequestError, in one line, for a file that cannot be read, and for files of different networks.
    """
    places = dict(zip(names(source.paths), source.paths, strict=True))
    files = {name: open_model_file(path) for name, path in places.items()}
    _check_alike(files)
    network = source.network(files.values())
    manifest = Manifest(
        model_id=source.model_id,
        key="",
        model={**source.identity(), "labels_known": source.labels_known},
        **described(network),
        calibration={},
        evaluation={},
        artifacts=tuple(_artifact(name, file) for name, file in files.items()),
        versions={},
        command="",
        warnings=(
            *source.warnings,
            f"input: {network.scaling}",
            f"agreement and SQNR are against {source.reference}",
            *network.guesses,
        ),
        reference=source.reference,
    )
    return manifest, places


def names(paths: Sequence[Path]) -> list[str]:
    """The names of the files, with as many folders as it takes to tell them apart."""
    found: list[str] = []
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        found = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(found)) == len(found):
            break
    return found


def _artifact(name: str, file: ModelFile) -> Artifact:
    return Artifact(
        name=name,
        format=file.path.suffix[1:].lower(),
        scheme=file.scheme,
        sha256=content_sha256(file.path),
        bytes=sum(path.stat().st_size for path in (file.path, *weight_files(file.path))),
        inputs=(_info(file.image),),
        outputs=tuple(map(_info, file.outputs)),
        ops={},
        fidelity=None,
    )


def _info(end: End) -> TensorInfo:
    """An integer that stands for itself has the scale 1."""
    scale, zero_point = (None, None) if end.dtype.startswith("float") else end.affine or (1.0, 0)
    return TensorInfo(end.name, end.shape, end.dtype, scale, zero_point)


def _check_alike(files: dict[str, ModelFile]) -> None:
    (first_name, first), *others = files.items()
    for name, other in others:
        for what, one, two in (
            ("images of", _image(first), _image(other)),
            ("outputs of", _outputs(first), _outputs(other)),
        ):
            if one != two:
                raise RequestError(
                    f"FILE has {first_name} with {what} {one} and {name} with {what} {two}; "
                    "expected files of one network: measure them one by one"
                )


def _image(file: ModelFile) -> str:
    return f"{file.size.height}x{file.size.width}x{file.size.channels}"


def _outputs(file: ModelFile) -> str:
    return ", ".join("x".join(map(str, end.shape[1:])) for end in file.outputs)
