"""What must be the same for the times of two runs to be compared."""

from typing import Any

from bench.measurement.record import Record

OF_ENVIRONMENT = (
    *("cpu_model", "cores", "architecture", "kernel_architecture", "system", "os", "board"),
    *("max_khz", "emulated"),
)
OF_RESULT = ("threads", "affinity")
UNTOLD = (None, ())


def unlike(a: Record, b: Record) -> dict[str, tuple[Any, Any]]:
    """In what ``a`` and ``b`` differ, with both values; {} where their times can be compared.

    Another file or another runtime is what one compares; another version of the same runtime is
    not. Something that one of the two does not tell is not held against them.
    """
    pairs = {
        "sustained": (a.kind == "sustained", b.kind == "sustained"),
        **{n: (getattr(a.environment, n), getattr(b.environment, n)) for n in OF_ENVIRONMENT},
        **{n: (getattr(a.result, n), getattr(b.result, n)) for n in OF_RESULT},
        "governors": (_governors(a), _governors(b)),
    }
    if a.result.runtime == b.result.runtime:
        pairs[a.result.runtime] = a.result.runtime_version, b.result.runtime_version
    return {
        name: (of_a, of_b)
        for name, (of_a, of_b) in pairs.items()
        if of_a != of_b and of_a not in UNTOLD and of_b not in UNTOLD
    }


def _governors(record: Record) -> tuple[str, ...]:
    """Every frequency governor that any core had while it ran."""
    return tuple(sorted({name for state in record.result.states for name in state.governors}))
