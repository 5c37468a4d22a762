"""A network of our own tables with demo, ImageNet, random or the user's weights."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.naming import content_sha256, foreign_data_warnings, safe_name
from models.network import Network
from models.networks import demo, registry
from models.networks.input_scaling import InputScaling
from models.networks.output_tensor import row_of
from models.networks.spec import ModelSpec, Preprocess
from models.opened_file import KERAS
from models.weights import weights_file


@dataclass(frozen=True)
class RegistrySource:
    """An architecture of the registry with weights; ``weights_path`` is None for random ones."""

    spec: ModelSpec
    weights: str
    weights_path: Path | None
    preprocess: Preprocess
    model_id: str
    labels_known: bool
    warnings: tuple[str, ...]

    @property
    def fits_demo(self) -> bool:
        return self.weights in ("demo", "random")

    @property
    def reference(self) -> str:
        return KERAS

    @property
    def size(self) -> ImageSize:
        return ImageSize(self.spec.resolution, self.spec.resolution, 3)

    @property
    def classes(self) -> int:
        return self.spec.classes

    @property
    def expansions(self) -> tuple[int, ...]:
        return registry.ARCHITECTURES[self.spec.arch].expansions(self.spec)

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
        from models.keras_files.keras_network import KerasNetwork
        from models.weights import random_weights
        from models.weights.load_weights import load_weights

        model = registry.build(self.spec)
        if self.weights_path is None:
            random_weights.fill(model)
        else:
            load_weights(model, self.weights_path)
        kind = self.spec.output_activation or "logits"
        scaling = InputScaling(self.preprocess, "these networks are fed so")
        side = self.spec.resolution
        computed = KerasNetwork(model, side, side, 3)
        return Network(computed, self.size, row_of(kind, self.spec.classes), scaling)


def resolve(options: Options) -> RegistrySource:
    """The network that ARCH, WEIGHTS and their like name; RequestError for what cannot be.

    No WEIGHTS means the demo checkpoint where there is one, and random weights elsewhere.
    """
    arch = registry.check_arch(options.arch)
    if options.outputs is not None:
        raise RequestError(
            "OUTPUTS goes with MODEL: what our own networks give is known; leave it out"
        )
    if options.weights is None:
        options = replace(options, weights="demo" if arch in demo.SPECS else "random")
    spec, path, label = NAMED.get(options.weights, _weights_file)(arch, options)
    default = Preprocess()
    preprocess = Preprocess(
        default.scale if options.scale is None else options.scale,
        default.offset if options.offset is None else options.offset,
    )
    model_id = f"{arch}-{spec.alpha:g}-{spec.resolution}-{label}"
    if spec.logits:
        model_id += "-logits"
    return RegistrySource(
        spec,
        options.weights if options.weights in NAMED else path.name,
        path,
        preprocess,
        model_id,
        labels_known=_labels_known(options, spec),
        warnings=_warnings(options, spec),
    )


def _spec(arch: str, options: Options, alpha: float, resolution: int, classes: int) -> ModelSpec:
    return registry.check(
        ModelSpec(
            arch,
            alpha if options.alpha is None else options.alpha,
            resolution if options.res is None else options.res,
            classes if options.classes is None else options.classes,
            options.logits,
        )
    )


def _paper_spec(arch: str, options: Options, classes: int) -> ModelSpec:
    return _spec(arch, options, 1.0, registry.ARCHITECTURES[arch].resolution, classes)


def _demo(arch: str, options: Options):
    if arch not in demo.SPECS:
        raise RequestError(
            f"there is no demo checkpoint of ARCH={arch}; expected one of {' '.join(demo.SPECS)}, "
            "or leave WEIGHTS out (WEIGHTS=random, for latency alone), or use WEIGHTS=path"
        )
    known = demo.SPECS[arch]
    spec = _spec(arch, options, known.alpha, known.resolution, known.classes)
    if (spec.alpha, spec.classes) != (known.alpha, known.classes):
        raise RequestError(
            f"the demo checkpoint of {arch} has ALPHA={known.alpha:g} and CLASSES={known.classes}, "
            f"not ALPHA={spec.alpha:g} and CLASSES={spec.classes}; leave them out, or use "
            "WEIGHTS=random for latency alone"
        )
    path = demo.checkpoint(arch)
    if not path.exists():
        raise RequestError(
            f"the demo checkpoint of {arch} is not trained yet; run "
            f"{make_line('train', arch=arch)}, or use WEIGHTS=random for latency alone"
        )
    return spec, path, "demo"


def _imagenet(arch: str, options: Options):
    from models.weights import imagenet_weights

    spec = _paper_spec(arch, options, 1000)
    if spec.classes != 1000:
        raise RequestError(
            f"CLASSES is {spec.classes}; the imagenet weights have 1000: leave it out"
        )
    return spec, imagenet_weights.fetch(arch, spec.alpha, spec.resolution), "imagenet"


def _random(arch: str, options: Options):
    return _paper_spec(arch, options, 1000), None, "random"


def _weights_file(arch: str, options: Options):
    path = Path(options.weights)
    classes = weights_file.classes_in(path) or 1000
    name = path.name.removesuffix(".h5").removesuffix(".weights").removesuffix(".keras")
    return _paper_spec(arch, options, classes), path, safe_name(name)


def _labels_known(options: Options, spec: ModelSpec) -> bool:
    """True where the labels of DATA are, as far as we know, those of the weights."""
    if options.weights == "random":
        return False
    if options.weights == "demo":
        return options.data in (None, "demo")
    if options.data == "demo":
        return options.weights not in NAMED and spec.classes == len(demo.CLASSES)
    return options.data is not None


def _warnings(options: Options, spec: ModelSpec) -> tuple[str, ...]:
    if options.weights == "random":
        return ("random weights: for latency alone, every accuracy figure is n/a",)
    if options.weights == "demo":
        return ("demo checkpoint trained on Fashion-MNIST, not an ImageNet model",)
    return foreign_data_warnings(options, _labels_known(options, spec))


NAMED = {"demo": _demo, "imagenet": _imagenet, "random": _random}
