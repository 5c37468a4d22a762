"""The architectures by the names that ARCH takes. A new network is a table file and a line here."""

from collections.abc import Callable
from functools import partial

from models import mobilenet_v1, mobilenet_v2, mobilenet_v3
from models.errors import RequestError
from models.spec import ModelSpec

BUILDERS: dict[str, Callable] = {
    "v1": mobilenet_v1.build,
    "v2": mobilenet_v2.build,
    "v3-large": partial(mobilenet_v3.build, variant=mobilenet_v3.V3_LARGE),
    "v3-small": partial(mobilenet_v3.build, variant=mobilenet_v3.V3_SMALL),
    "v3-large-minimalistic": partial(
        mobilenet_v3.build, variant=mobilenet_v3.V3_LARGE_MINIMALISTIC
    ),
    "v3-small-minimalistic": partial(
        mobilenet_v3.build, variant=mobilenet_v3.V3_SMALL_MINIMALISTIC
    ),
}


def check_arch(arch: str) -> str:
    """``arch`` if it is known; RequestError naming the known ones otherwise."""
    if arch not in BUILDERS:
        raise RequestError(f"ARCH is {arch!r}; expected one of: {' '.join(BUILDERS)}")
    return arch


def build(spec: ModelSpec):
    """Keras model of ``spec`` with freshly initialised weights. Imports TensorFlow."""
    return BUILDERS[check_arch(spec.arch)](spec)
