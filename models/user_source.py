"""The user's own model, described without TensorFlow and loaded with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.image_source import MIN_SIDE_PIXELS, ImageSize
from models.naming import content_sha256, foreign_data_warnings, safe_name
from models.network import Network
from models.networks import size_limits
from models.networks.output_tensor import (
    CLASS_KINDS,
    LOGITS,
    ROW_NAMES,
    VALUES,
    OutputTensor,
    row_of,
)
from models.opened_file import is_model_file, reference_name, weight_files
from models.untrusted_files import regular_file, unpacked_size

GRAPH = "saved_model.pb"


@dataclass(frozen=True)
class UserSource:
    """The user's own model: a Keras file, a SavedModel folder, a .tflite or .onnx file.

    ``res``: the size of its image where the file leaves that open."""

    path: Path
    logits: bool
    scale: float | None
    offset: float | None
    outputs: str | None
    model_id: str
    labels_known: bool
    warnings: tuple[str, ...]
    res: int | None = None
    fits_demo: bool = False
    size: ImageSize | None = None
    classes: int | None = None
    expansions: tuple[int, ...] | None = None

    def identity(self) -> dict:
        return {
            "file": self.path.name,
            "sha256": content_sha256(self.path, *weight_files(self.path)),
            "logits": self.logits,
            "scale": self.scale,
            "offset": self.offset,
            "outputs": self.outputs,
            "res": self.res,
        }

    @property
    def reference(self) -> str:
        """The reference, in words, that every file is compared with."""
        return reference_name(self.path)

    def load(self) -> Network:
        if is_model_file(self.path):
            from models import file_network

            found = file_network.load(self.path, self.res, self.logits)
        else:
            found = self._load_keras()
        outputs, reason = found.outputs, found.outputs_reason
        if self.outputs is not None:
            outputs, reason = as_said(outputs, self.outputs), f"OUTPUTS={self.outputs} says so"
        scaling = found.scaling.given(self.scale, self.offset)
        return replace(found, outputs=outputs, outputs_reason=reason, scaling=scaling)

    def _load_keras(self) -> Network:
        from models.keras_files import user_model
        from models.keras_files.keras_network import KerasNetwork

        found = user_model.load_user_model(self.path, self.res)
        keras_model, outputs, reason = found.keras_model, found.outputs, found.outputs_reason
        if self.logits and found.output_kind != LOGITS:
            keras_model = user_model.logits_of(keras_model, found.output_kind)
            outputs, reason = row_of(LOGITS, outputs[0].size), "LOGITS is 1"
        sides = found.height, found.width, found.channels
        model = KerasNetwork(keras_model, *sides)
        return Network(model, ImageSize(*sides), outputs, found.scaling, reason, found.notes)


def as_said(outputs: Sequence[OutputTensor], said: str) -> tuple[OutputTensor, ...]:
    """``outputs`` as OUTPUTS takes them; RequestError where several, or maps, are to be classes."""
    if said == VALUES:
        names = [VALUES] if len(outputs) == 1 else [output.name for output in outputs]
        return tuple(
            replace(output, kind=VALUES, name=name)
            for output, name in zip(outputs, names, strict=True)
        )
    if len(outputs) > 1 or not outputs[0].is_row:
        shapes = ", ".join(str(list(output.shape)) for output in outputs)
        raise RequestError(
            f"OUTPUTS is classes, but MODEL has outputs of shape {shapes}; expected one row of "
            "classes; use OUTPUTS=values or leave it out"
        )
    kind = outputs[0].kind if outputs[0].kind in CLASS_KINDS else LOGITS
    return (replace(outputs[0], kind=kind, name=ROW_NAMES[kind]),)


def resolve(options: Options) -> UserSource:
    """The model that MODEL names; RequestError where it is not there."""
    path = Path(options.model)
    if not path.exists():
        raise RequestError(
            f"MODEL is {options.model!r}, which does not exist; expected a .keras or .h5 file, a "
            "SavedModel folder, a .tflite or .onnx file"
        )
    if not path.is_dir():
        expected = "expected a model file or a SavedModel folder"
        regular_file.check(path, f"MODEL '{path}'", expected, unpacked_size.MAX_BYTES)
    elif not (path / GRAPH).is_file():  # or all that is in the folder would be read for its hash
        raise RequestError(
            f"MODEL '{path}' is a folder without {GRAPH}; expected a SavedModel folder, as "
            "model.export(folder) writes it, or a model file"
        )
    else:
        size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
        if size > unpacked_size.MAX_BYTES:
            raise RequestError(
                f"MODEL '{path}' has files of {size / 1e6:,.0f} MB in all; expected at most "
                f"{unpacked_size.MAX_BYTES / 1e6:,.0f} MB: the SavedModel alone"
            )
    for name in ("alpha", "classes", "weights"):
        if getattr(options, name) is not None:
            raise RequestError(
                f"{name.upper()} does not go with MODEL: the model has its own; leave it out"
            )
    labels_known = options.data not in (None, "demo")
    if options.res is not None and options.res < MIN_SIDE_PIXELS:
        raise RequestError(f"RES is {options.res}; expected at least {MIN_SIDE_PIXELS} pixels")
    if options.res is not None:
        size_limits.check_image((options.res, options.res), "RES")
    return UserSource(
        path,
        options.logits,
        options.scale,
        options.offset,
        options.outputs,
        res=options.res,
        model_id=safe_name(path.stem)
        + (f"-{options.res}" if options.res else "")
        + ("-logits" if options.logits else ""),
        labels_known=labels_known,
        warnings=foreign_data_warnings(options, labels_known),
    )
