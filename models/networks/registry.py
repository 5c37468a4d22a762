"""The architectures by the names that ARCH takes. A new network is a table file and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from models.command_line.errors import RequestError
from models.networks import (
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    mobilenet_v4,
    resnext,
    shufflenet_v1,
    shufflenet_v2,
    size_limits,
    squeezenet,
    xception,
)
from models.networks.spec import MIN_RESOLUTION, ModelSpec


@dataclass(frozen=True)
class Architecture:
    """``build`` makes the Keras model of a ModelSpec.

    ``resolution``: input size of the paper in pixels, and ``min_resolution`` the smallest that
    leaves a map for every layer. ``alphas``: the width multipliers that there are; empty for any.
    ``expansions``: channels of each expansion of a ModelSpec that can be computed in groups.
    """

    build: Callable
    resolution: int = 224
    min_resolution: int = MIN_RESOLUTION
    alphas: tuple[float, ...] = ()
    expansions: Callable[[ModelSpec], tuple[int, ...]] = lambda spec: ()


def _v3(variant: mobilenet_v3.Variant) -> Architecture:
    return Architecture(
        partial(mobilenet_v3.build, variant=variant),
        expansions=partial(mobilenet_v3.expansions, variant=variant),
    )


def _v4(variant: mobilenet_v4.Variant, resolution: int) -> Architecture:
    return Architecture(
        partial(mobilenet_v4.build, variant=variant),
        resolution,
        expansions=partial(mobilenet_v4.expansions, variant=variant),
    )


def _squeezenet(variant: squeezenet.Variant) -> Architecture:
    return Architecture(partial(squeezenet.build, variant=variant), alphas=(1.0,))


ARCHITECTURES: dict[str, Architecture] = {
    "v1": Architecture(partial(mobilenet_v1.build, variant=mobilenet_v1.V1)),
    "v1-quant-friendly": Architecture(
        partial(mobilenet_v1.build, variant=mobilenet_v1.QUANT_FRIENDLY)
    ),
    "v2": Architecture(mobilenet_v2.build, expansions=mobilenet_v2.expansions),
    "v3-large": _v3(mobilenet_v3.V3_LARGE),
    "v3-small": _v3(mobilenet_v3.V3_SMALL),
    "v3-large-minimalistic": _v3(mobilenet_v3.V3_LARGE_MINIMALISTIC),
    "v3-small-minimalistic": _v3(mobilenet_v3.V3_SMALL_MINIMALISTIC),
    "v4-conv-small": _v4(mobilenet_v4.V4_CONV_SMALL, 224),
    "v4-conv-medium": _v4(mobilenet_v4.V4_CONV_MEDIUM, 256),
    "xception": Architecture(xception.build, resolution=299, min_resolution=71, alphas=(1.0,)),
    "squeezenet": _squeezenet(squeezenet.V1_1),
    "squeezenet1.0": _squeezenet(squeezenet.V1_0),
    "shufflenet-v1": Architecture(shufflenet_v1.build, alphas=tuple(shufflenet_v1.STEM_CHANNELS)),
    "shufflenet-v2": Architecture(shufflenet_v2.build, alphas=tuple(shufflenet_v2.TABLE)),
    "resnext50": Architecture(resnext.build, alphas=(1.0,)),
}


def check_arch(arch: str) -> str:
    """``arch`` if it is known; RequestError naming the known ones otherwise."""
    if arch not in ARCHITECTURES:
        raise RequestError(f"ARCH is {arch!r}; expected one of: {' '.join(ARCHITECTURES)}")
    return arch


def check(spec: ModelSpec) -> ModelSpec:
    """``spec`` if its network can be built; RequestError naming what there is otherwise."""
    known = ARCHITECTURES[check_arch(spec.arch)]
    if known.alphas and spec.alpha not in known.alphas:
        widths = " or ".join(f"ALPHA={alpha:g}" for alpha in known.alphas)
        raise RequestError(f"ALPHA is {spec.alpha:g}; {spec.arch} is defined for {widths}")
    if spec.resolution < known.min_resolution:
        raise RequestError(
            f"RES is {spec.resolution}; {spec.arch} needs at least {known.min_resolution} pixels, "
            f"for example RES={known.resolution}"
        )
    return spec


def build(spec: ModelSpec):
    """Keras model of ``spec`` with freshly initialised weights. Imports TensorFlow.

    RequestError for an architecture, width or resolution that there is not, and for a network that
    is too large.
    """
    build = ARCHITECTURES[check(spec).arch].build
    what = f"ARCH={spec.arch} ALPHA={spec.alpha:g} CLASSES={spec.classes}"
    return size_limits.build_checked(lambda: build(spec), what)
