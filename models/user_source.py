"""The user's own Keras model, described without TensorFlow and loaded with it."""

from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.image_source import MIN_SIDE_PIXELS, ImageSize
from models.naming import content_sha256, foreign_data_warnings, safe_name
from models.network import Network
from models.networks.spec import Preprocess


@dataclass(frozen=True)
class UserSource:
    """The user's own Keras model file or SavedModel folder."""

    path: Path
    logits: bool
    scale: float | None
    offset: float | None
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
            "sha256": content_sha256(self.path),
            "logits": self.logits,
            "scale": self.scale,
            "offset": self.offset,
            "res": self.res,
        }

    def load(self) -> Network:
        from models.keras_files import user_model

        found = user_model.load_user_model(self.path, self.res)
        keras_model, kind = found.keras_model, found.output_kind
        if self.logits and kind != "logits":
            keras_model, kind = user_model.without_final_activation(keras_model), "logits"
        return Network(
            keras_model,
            ImageSize(found.height, found.width, found.channels),
            found.classes,
            kind,
            self._preprocess(found.has_preprocessing),
            found.notes,
        )

    def _preprocess(self, built_in: bool) -> Preprocess:
        """As given; else none for a model that does its own, and the MobileNets' otherwise."""
        default = Preprocess(1.0, 0.0) if built_in else Preprocess()
        return Preprocess(
            default.scale if self.scale is None else self.scale,
            default.offset if self.offset is None else self.offset,
        )


def resolve(options: Options) -> UserSource:
    """The model that MODEL names; RequestError where it is not there."""
    path = Path(options.model)
    if not path.exists():
        raise RequestError(
            f"MODEL is {options.model!r}, which does not exist; expected a .keras or .h5 file or a "
            "SavedModel folder"
        )
    for name in ("alpha", "classes", "weights"):
        if getattr(options, name) is not None:
            raise RequestError(
                f"{name.upper()} does not go with MODEL: the model has its own; leave it out"
            )
    labels_known = options.data not in (None, "demo")
    if options.res is not None and options.res < MIN_SIDE_PIXELS:
        raise RequestError(f"RES is {options.res}; expected at least {MIN_SIDE_PIXELS} pixels")
    return UserSource(
        path,
        options.logits,
        options.scale,
        options.offset,
        res=options.res,
        model_id=safe_name(path.stem)
        + (f"-{options.res}" if options.res else "")
        + ("-logits" if options.logits else ""),
        labels_known=labels_known,
        warnings=foreign_data_warnings(options, labels_known),
    )
