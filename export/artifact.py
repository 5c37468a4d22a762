"""The manifest of an export: one Artifact a file, and what all of them share."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from models.command_line.errors import RequestError
from models.network import Network
from models.networks.output_tensor import OutputTensor
from models.networks.spec import Preprocess
from quantize.evaluate.output_comparison import ComparisonSummary, TensorComparison
from quantize.graph.delegate import Partitions
from quantize.graph.tensor_info import TensorInfo

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 2
READABLE_VERSIONS = (1, 2)  # 1 had no partitions


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
    model: dict
    output_kind: str
    classes: int
    preprocess: Preprocess
    calibration: dict
    evaluation: dict
    artifacts: tuple[Artifact, ...]
    versions: dict[str, str]
    command: str
    warnings: tuple[str, ...] = ()
    int8: dict = field(default_factory=dict)
    further: dict[str, dict] = field(default_factory=dict)
    split: dict = field(default_factory=dict)
    plan: dict = field(default_factory=dict)
    failed: tuple[Failure, ...] = ()
    input: dict = field(default_factory=dict)
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
        """The manifest in ``folder``; RequestError if there is none or it is not ours.

        ``command``: what writes it, for the error messages.
        """
        path = folder / MANIFEST_NAME
        try:
            raw = json.loads(path.read_text())
            if raw["version"] not in READABLE_VERSIONS:
                raise RequestError(
                    f"{path} has version {raw['version']}; expected {MANIFEST_VERSION}; "
                    f"run {command} again"
                )
            return _from_json(raw)
        except (FileNotFoundError, NotADirectoryError):
            raise RequestError(f"there is no {path}; run {command} first") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
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


def _with_names_of_today(described: dict) -> dict:
    """``described`` of any manifest, its methods under that name alone."""
    rest = {name: value for name, value in described.items() if name != "rungs"}
    if "rungs" not in described or "methods" in described:
        return rest
    methods = [
        {"method": rung["rung"], **{name: rung[name] for name in rung if name != "rung"}}
        for rung in described["rungs"]
    ]
    return {**rest, "methods": methods}


def _fidelity(raw: dict) -> ComparisonSummary:
    tensors = tuple(TensorComparison(**tensor) for tensor in raw.get("tensors", ()))
    return ComparisonSummary(**{**raw, "tensors": tensors})


def _from_json(raw: dict) -> Manifest:
    def tensor(t):
        return TensorInfo(**{**t, "shape": tuple(t["shape"])})

    def artifact(a):
        return Artifact(
            **{
                **a,
                "inputs": tuple(tensor(t) for t in a["inputs"]),
                "outputs": tuple(tensor(t) for t in a["outputs"]),
                "fidelity": _fidelity(a["fidelity"]) if a["fidelity"] else None,
                "partitions": Partitions(**found) if (found := a.get("partitions")) else None,
            }
        )

    rest = dict(raw)
    warnings = rest.pop("caveats")
    return Manifest(
        **{
            **rest,
            "preprocess": Preprocess(**raw["preprocess"]),
            "outputs": tuple(
                OutputTensor(**{**output, "shape": tuple(output["shape"])})
                for output in raw.get("outputs", ())
            ),
            "artifacts": tuple(artifact(a) for a in raw["artifacts"]),
            "int8": _with_names_of_today(raw.get("int8", {})),
            "further": {n: _with_names_of_today(m) for n, m in raw.get("further", {}).items()},
            "warnings": tuple(warnings),
            "failed": tuple(Failure(**one) for one in raw.get("failed", ())),
        }
    )
