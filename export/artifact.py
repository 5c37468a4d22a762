"""The manifest of an export: one Artifact a file, and what all of them share."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from export.export_file import all_files
from export.manifest_parts import Images, InputReason, ModelIdentity, Search, SplitLayers
from models import checked_json
from models.checked_json import WrongField
from models.command_line.errors import RequestError
from models.network import Network
from models.networks.output_tensor import CLASS_KINDS, VALUES, OutputTensor
from models.networks.spec import Preprocess
from quantize.evaluate.output_comparison import ComparisonSummary
from quantize.graph.delegate import Partitions
from quantize.graph.tensor_info import TensorInfo

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 2
READABLE_VERSIONS = (1, 2)  # 1 had no partitions
IMAGE_DIMENSIONS = 4
LARGEST_SIDE = 2**31 - 1  # of a tensor, as files have it


@dataclass(frozen=True)
class Artifact:
    """One exported file. ``loads_in`` maps a runtime to "ok" or to why it cannot load the file.

    ``partitions``: how LiteRT's CPU delegate takes a .tflite file; None for other formats.
    """

    name: str
    format: str
    scheme: str
    sha256: str
    bytes: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    ops: dict[str, int]
    fidelity: ComparisonSummary | None
    loads_in: dict[str, str] = field(default_factory=dict)
    partitions: Partitions | None = None


@dataclass(frozen=True)
class Failure:
    """A file that was asked for and is not there, since it could not be made or was not right."""

    name: str
    reason: str

    @property
    def sentence(self) -> str:
        return f"{self.name} was not written: {self.reason}"


@dataclass(frozen=True)
class Unmade(Failure):
    """A file that this machine was not up to: there was no room or no memory for it. The same
    request may succeed elsewhere, or later."""


@dataclass(frozen=True)
class Manifest:
    """Everything a reader of the files needs to know; written last, as ``manifest.json``.

    ``model`` says which network with which weights (and their hash), ``calibration`` and
    ``evaluation`` which images, ``int8`` how the int8 files came about, method by method,
    ``further`` the same for the schemes of SCHEMES, ``plan`` which methods were to be tried,
    ``split`` which bottlenecks are computed in channel groups, and ``key`` is the hash of all that
    the files depend on. ``failed`` are files that were asked for beside ``artifacts`` and are not
    there. ``input`` says why the pixels are scaled so and whether that is a guess, ``outputs`` what
    the files give (none in manifests of before it was kept), ``outputs_reason`` why that is what it
    is taken for. ``classes`` is 0 where the outputs are no classes. ``reference`` computed the
    outputs that all files were compared with.
    """

    model_id: str
    key: str
    model: ModelIdentity
    output_kind: str
    classes: int
    preprocess: Preprocess
    calibration: Images
    evaluation: Images
    artifacts: tuple[Artifact, ...]
    versions: dict[str, str]
    command: str
    warnings: tuple[str, ...] = ()
    int8: Search = field(default_factory=dict)
    further: dict[str, Search] = field(default_factory=dict)
    split: SplitLayers = field(default_factory=dict)
    plan: dict = field(default_factory=dict)
    failed: tuple[Failure, ...] = ()
    input: InputReason = field(default_factory=dict)
    outputs: tuple[OutputTensor, ...] = ()
    outputs_reason: str = ""
    reference: str = "Keras"
    version: int = MANIFEST_VERSION

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings, and a sentence on each file that is not there."""
        return (*self.warnings, *(failure.sentence for failure in self.failed))

    def to_json(self) -> str:
        raw = asdict(self)
        raw["caveats"] = raw.pop("warnings")  # the name that scripts know
        raw["int8"] = _with_former_names(self.int8)
        raw["further"] = {name: _with_former_names(made) for name, made in self.further.items()}
        return json.dumps(raw, indent=2) + "\n"

    def differences(self, identity: dict) -> list[str]:
        """The names in a network's ``identity`` of what the files were made of something else."""
        return [name for name, value in identity.items() if self.model.get(name) != value]

    @classmethod
    def read(cls, folder: Path, command: str = "make export") -> "Manifest":
        """The manifest in ``folder``; RequestError where there is none, or another thing.

        Every field is checked, so that nothing after this meets a wrong one; the files are in the
        folder, by names that an export gives. ``command``: what writes it, for the messages.
        """
        path = folder / MANIFEST_NAME
        try:
            raw = checked_json.parse_file(path)
            if not isinstance(raw, dict):
                raise WrongField("", raw, "an object")
            if raw.get("version") not in READABLE_VERSIONS:
                found = str(raw.get("version"))[:20]
                raise RequestError(
                    f"{path} has version {found}; expected {MANIFEST_VERSION}; run {command} again"
                )
            manifest = _from_json(raw)
            _check(manifest, folder)
            return manifest
        except (FileNotFoundError, NotADirectoryError):
            raise RequestError(f"there is no {path}; run {command} first") from None
        except OSError as error:
            raise RequestError(
                f"{path} cannot be read ({error.strerror}); expected a manifest that you may read; "
                f"run {command} again"
            ) from error
        except ValueError as error:
            raise RequestError(
                f"{path} is not a manifest ({error}); run {command} again"
            ) from error


def described(network: Network) -> dict:
    """The fields of a Manifest that say what ``network`` reads and gives."""
    return {
        "output_kind": network.output_kind,
        "classes": network.classes,
        "preprocess": network.preprocess,
        "input": {"reason": network.scaling.reason, "guess": network.scaling.is_guess},
        "outputs": network.outputs,
        "outputs_reason": network.outputs_reason,
    }


def _with_former_names(described: dict) -> dict:
    """``described`` with its methods as "rungs" too, as they were called, for scripts."""
    if "methods" not in described:
        return described
    rungs = [{"rung": tried["method"], **tried} for tried in described["methods"]]
    return {**described, "rungs": rungs}


def _with_names_of_today(described: Any) -> Any:
    """``described`` of any manifest, its methods under that name alone."""
    if not isinstance(described, dict):
        return described
    rest = {name: value for name, value in described.items() if name != "rungs"}
    rungs = described.get("rungs")
    if "methods" in described or not isinstance(rungs, list):
        return rest
    return {**rest, "methods": [_method(rung) for rung in rungs]}


def _method(rung: Any) -> Any:
    if not isinstance(rung, dict) or "rung" not in rung:
        return rung
    return {"method": rung["rung"], **{name: rung[name] for name in rung if name != "rung"}}


def _from_json(raw: dict) -> Manifest:
    """``raw``, of any version, as a Manifest; WrongField names the first field that is none."""
    named = {"warnings" if name == "caveats" else name: value for name, value in raw.items()}
    if "int8" in named:
        named["int8"] = _with_names_of_today(named["int8"])
    if isinstance(further := named.get("further"), dict):
        named["further"] = {name: _with_names_of_today(made) for name, made in further.items()}
    # Figures of a network that learned nothing may be no numbers.
    return checked_json.read(Manifest, named, finite=False)


def _check(manifest: Manifest, folder: Path) -> None:
    """WrongField for a value that no export writes into a manifest in ``folder``."""
    if manifest.model_id != folder.name:
        raise WrongField("model_id", manifest.model_id, f"{folder.name!r}, as its folder is called")
    if manifest.output_kind not in (*CLASS_KINDS, VALUES):
        raise WrongField("output_kind", manifest.output_kind, f"one of {(*CLASS_KINDS, VALUES)}")
    checked_json.check_range("classes", manifest.classes, 0, LARGEST_SIDE)
    checked_json.read(Preprocess, manifest.preprocess, "preprocess")
    if not manifest.artifacts:
        raise WrongField("artifacts", [], "at least one file")
    known, seen = {file.name for file in all_files()}, set()
    for number, artifact in enumerate(manifest.artifacts):
        at = f"artifacts[{number}]"
        # The name is part of a path: of a file that is loaded, and that a next export removes.
        if artifact.name not in known or artifact.name in seen:
            raise WrongField(
                f"{at}.name", artifact.name, f"one of {', '.join(sorted(known))}, once"
            )
        seen.add(artifact.name)
        if artifact.name != f"{artifact.scheme}.{artifact.format}":
            raise WrongField(f"{at}.scheme", artifact.scheme, f"that of {artifact.name}")
        _check_file(artifact, at)
    for number, output in enumerate(manifest.outputs):
        _check_shape(output.shape, f"outputs[{number}].shape")
    for name, made in {"int8": manifest.int8, **manifest.further}.items():
        tried = [one["method"] for one in made.get("methods", ())]
        if "methods" in made and made.get("chosen") not in tried:
            raise WrongField(f"{name}.chosen", made.get("chosen"), f"one of {', '.join(tried)}")
        if tried and "min_sqnr_db" not in made:
            raise WrongField(f"{name}.min_sqnr_db", "missing", "a value")
    for name, part in (("split", manifest.split), ("input", manifest.input)):
        needed = (SplitLayers if name == "split" else InputReason).__annotations__
        if part and (missing := [one for one in needed if one not in part]):
            raise WrongField(f"{name}.{missing[0]}", "missing", "a value")


def _check_file(artifact: Artifact, at: str) -> None:
    checked_json.check_range(f"{at}.bytes", artifact.bytes, 0, 2**63 - 1)
    if len(artifact.inputs) != 1:
        raise WrongField(f"{at}.inputs", list(artifact.inputs), "one image")
    if len(artifact.inputs[0].shape) != IMAGE_DIMENSIONS:
        raise WrongField(f"{at}.inputs[0].shape", str(artifact.inputs[0].shape), "four dimensions")
    if not artifact.outputs:
        raise WrongField(f"{at}.outputs", [], "at least one")
    for name, tensors in (("inputs", artifact.inputs), ("outputs", artifact.outputs)):
        for number, tensor in enumerate(tensors):
            _check_shape(tensor.shape[1:], f"{at}.{name}[{number}].shape")
            checked_json.read(TensorInfo, tensor, f"{at}.{name}[{number}]")


def _check_shape(shape: tuple[int, ...], at: str) -> None:
    for side in shape:
        checked_json.check_range(at, side, 1, LARGEST_SIDE)
