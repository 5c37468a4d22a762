"""Which network was asked for: one of our own with weights, or the user's Keras model."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from models import demo, registry, weights_file
from models.errors import RequestError
from models.image_source import ImageSize
from models.network import Network
from models.options import Options
from models.spec import ModelSpec, Preprocess


class Source(Protocol):
    """A network that can be described without TensorFlow and loaded with it."""

    model_id: str
    labels_known: bool
    caveats: tuple[str, ...]

    @property
    def size(self) -> ImageSize | None:
        """Input size; None where only loading the model can tell."""

    @property
    def classes(self) -> int | None:
        """Number of outputs; None where only loading the model can tell."""

    def identity(self) -> dict:
        """What the network is, hash of its weights included; goes into the manifest."""

    def load(self) -> Network:
        """The network itself. Imports TensorFlow."""


def resolve(options: Options) -> Source:
    """The network that ``options`` name. RequestError for what cannot be; imports no TensorFlow."""
    if options.model is not None:
        return _user_source(options)
    return _own_source(options)


@dataclass(frozen=True)
class OwnSource:
    """An architecture of the registry with weights; ``weights_path`` is None for random ones."""

    spec: ModelSpec
    weights: str
    weights_path: Path | None
    preprocess: Preprocess
    model_id: str
    labels_known: bool
    caveats: tuple[str, ...]

    @property
    def size(self) -> ImageSize:
        return ImageSize(self.spec.resolution, self.spec.resolution, 3)

    @property
    def classes(self) -> int:
        return self.spec.classes

    def identity(self) -> dict:
        return {
            "arch": self.spec.arch,
            "alpha": self.spec.alpha,
            "resolution": self.spec.resolution,
            "classes": self.spec.classes,
            "logits": self.spec.logits,
            "weights": self.weights,
            "weights_sha256": self._weights_sha256,
            "scale": self.preprocess.scale,
            "offset": self.preprocess.offset,
        }

    @cached_property
    def _weights_sha256(self) -> str | None:
        return None if self.weights_path is None else content_sha256(self.weights_path)

    def load(self) -> Network:
        from models import random_weights, weights

        model = registry.build(self.spec)
        if self.weights_path is None:
            random_weights.fill(model)
        else:
            weights.load_weights(model, self.weights_path)
        kind = self.spec.output_activation or "logits"
        return Network(model, self.size, self.spec.classes, kind, self.preprocess)


@dataclass(frozen=True)
class UserSource:
    """The user's own Keras model file or SavedModel folder."""

    path: Path
    logits: bool
    scale: float | None
    offset: float | None
    model_id: str
    labels_known: bool
    caveats: tuple[str, ...]
    size: ImageSize | None = None
    classes: int | None = None

    def identity(self) -> dict:
        return {
            "file": self.path.name,
            "sha256": content_sha256(self.path),
            "logits": self.logits,
            "scale": self.scale,
            "offset": self.offset,
        }

    def load(self) -> Network:
        from models import user_model

        found = user_model.load_user_model(self.path)
        keras_model, kind = found.keras_model, found.output_kind
        if self.logits and kind != "logits":
            keras_model, kind = user_model.without_final_activation(keras_model), "logits"
        return Network(
            keras_model,
            ImageSize(found.height, found.width, found.channels),
            found.classes,
            kind,
            self._preprocess(found.has_preprocessing),
        )

    def _preprocess(self, built_in: bool) -> Preprocess:
        """As typed; else none for a model that does its own, and the MobileNets' otherwise."""
        default = Preprocess(1.0, 0.0) if built_in else Preprocess()
        return Preprocess(
            default.scale if self.scale is None else self.scale,
            default.offset if self.offset is None else self.offset,
        )


def content_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, or of the names and contents of a folder's files."""
    whole = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        if file != path:
            whole.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                whole.update(chunk)
    return whole.hexdigest()


def _user_source(options: Options) -> UserSource:
    path = Path(options.model)
    if not path.exists():
        raise RequestError(
            f"MODEL is {options.model!r}, which does not exist; expected a .keras or .h5 file or a "
            "SavedModel folder"
        )
    _refuse_together(options, "MODEL", ("alpha", "res", "classes"))
    return UserSource(
        path,
        options.logits,
        options.scale,
        options.offset,
        model_id=_safe(path.stem) + ("-logits" if options.logits else ""),
        labels_known=options.data != "demo",
        caveats=_calibration_caveat(options),
    )


def _own_source(options: Options) -> OwnSource:
    arch = registry.check_arch(options.arch)
    spec, path, label = {
        "demo": _demo, "imagenet": _imagenet, "random": _random,
    }.get(options.weights, _weights_file)(arch, options)  # fmt: skip
    default = Preprocess()
    preprocess = Preprocess(
        default.scale if options.scale is None else options.scale,
        default.offset if options.offset is None else options.offset,
    )
    model_id = f"{arch}-{spec.alpha:g}-{spec.resolution}-{label}"
    if spec.logits:
        model_id += "-logits"
    return OwnSource(
        spec,
        options.weights if label in ("demo", "imagenet", "random") else path.name,
        path,
        preprocess,
        model_id,
        labels_known=_labels_known(options),
        caveats=_own_caveats(options),
    )


def _spec(arch: str, options: Options, alpha: float, resolution: int, classes: int) -> ModelSpec:
    return ModelSpec(
        arch,
        alpha if options.alpha is None else options.alpha,
        resolution if options.res is None else options.res,
        classes if options.classes is None else options.classes,
        options.logits,
    )


def _demo(arch: str, options: Options):
    if arch not in demo.SPECS:
        raise RequestError(
            f"there is no demo checkpoint of ARCH={arch}; expected one of {' '.join(demo.SPECS)}, "
            "or type WEIGHTS=random, WEIGHTS=imagenet or WEIGHTS=path"
        )
    ours = demo.SPECS[arch]
    spec = _spec(arch, options, ours.alpha, ours.resolution, ours.classes)
    if (spec.alpha, spec.classes) != (ours.alpha, ours.classes):
        raise RequestError(
            f"the demo checkpoint of {arch} has ALPHA={ours.alpha:g} and CLASSES={ours.classes}, "
            f"not ALPHA={spec.alpha:g} and CLASSES={spec.classes}; leave them out, or type "
            "WEIGHTS=random for latency alone"
        )
    return spec, demo.checkpoint(arch), "demo"


def _imagenet(arch: str, options: Options):
    from models import imagenet_weights

    spec = _spec(arch, options, 1.0, 224, 1000)
    if spec.classes != 1000:
        raise RequestError(
            f"CLASSES is {spec.classes}; the imagenet weights have 1000: leave it out"
        )
    return spec, imagenet_weights.fetch(arch, spec.alpha, spec.resolution), "imagenet"


def _random(arch: str, options: Options):
    return _spec(arch, options, 1.0, 224, 1000), None, "random"


def _weights_file(arch: str, options: Options):
    path = Path(options.weights)
    classes = weights_file.classes_in(path) or 1000
    name = path.name.removesuffix(".h5").removesuffix(".weights").removesuffix(".keras")
    return _spec(arch, options, 1.0, 224, classes), path, _safe(name)


def _labels_known(options: Options) -> bool:
    """Whether the labels of DATA are those that the weights were trained for, as far as we know."""
    if options.weights == "random":
        return False
    return (options.data == "demo") == (options.weights == "demo")


def _own_caveats(options: Options) -> tuple[str, ...]:
    if options.weights == "random":
        return ("random weights: for latency alone, every accuracy figure is n/a",)
    if options.weights == "demo":
        return ("demo checkpoint trained on Fashion-MNIST, not an ImageNet model",)
    return _calibration_caveat(options)


def _calibration_caveat(options: Options) -> tuple[str, ...]:
    """For weights that were not trained on the demo images."""
    found = []
    if options.calib == "demo":
        found.append("int8 calibrated on Fashion-MNIST; give images of its own kind: CALIB=folder")
    if options.data == "demo":
        found.append("judged on Fashion-MNIST images without labels; give your own: DATA=folder")
    return tuple(found)


def _refuse_together(options: Options, given: str, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(options, name) is not None:
            raise RequestError(
                f"{name.upper()} does not go with {given}: the model has its own; leave it out"
            )


def _safe(name: str) -> str:
    """``name`` as a folder name: letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "model"
