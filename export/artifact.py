"""What an export leaves behind: one Artifact a file, and the Manifest that describes them all."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from models.command_line.errors import RequestError
from models.networks.spec import Preprocess
from quantize.evaluate.output_comparison import ComparisonSummary
from quantize.graph.delegate import Partitions

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 2
READABLE_VERSIONS = (1, 2)  # 1 had no partitions


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a file; ``scale`` and ``zero_point`` are None where it is float."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


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
class Manifest:
    """Everything a reader of the files needs to know; written last, as ``manifest.json``.

    ``model`` says which network with which weights (and their hash), ``calibration`` and
    ``evaluation`` which images, ``int8`` how the int8 files came about, rung by rung,
    ``further`` the same for the schemes of SCHEMES, ``split`` which bottlenecks are computed in
    channel groups, and ``key`` is the hash of all that the files depend on.
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
    caveats: tuple[str, ...] = ()
    int8: dict = field(default_factory=dict)
    further: dict[str, dict] = field(default_factory=dict)
    split: dict = field(default_factory=dict)
    version: int = MANIFEST_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest in ``folder``; RequestError if there is none or it is not ours."""
        path = folder / MANIFEST_NAME
        try:
            raw = json.loads(path.read_text())
            if raw["version"] not in READABLE_VERSIONS:
                raise RequestError(
                    f"{path} has version {raw['version']}; expected {MANIFEST_VERSION}; "
                    "type the make export command again"
                )
            return _from_json(raw)
        except (FileNotFoundError, NotADirectoryError):
            raise RequestError(
                f"there is no {path}; type make export with the same variables first"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(
                f"{path} is not a manifest ({error}); type the make export command again"
            ) from error


def _from_json(raw: dict) -> Manifest:
    def tensor(t):
        return TensorInfo(**{**t, "shape": tuple(t["shape"])})

    def artifact(a):
        return Artifact(
            **{
                **a,
                "inputs": tuple(tensor(t) for t in a["inputs"]),
                "outputs": tuple(tensor(t) for t in a["outputs"]),
                "fidelity": ComparisonSummary(**a["fidelity"]) if a["fidelity"] else None,
                "partitions": Partitions(**found) if (found := a.get("partitions")) else None,
            }
        )

    return Manifest(
        **{
            **raw,
            "preprocess": Preprocess(**raw["preprocess"]),
            "artifacts": tuple(artifact(a) for a in raw["artifacts"]),
            "caveats": tuple(raw["caveats"]),
        }
    )
