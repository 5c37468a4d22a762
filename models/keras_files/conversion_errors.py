"""Errors of TensorFlow's converter, thousands of lines long, as one line."""

import contextlib
import re
from collections.abc import Iterator

from models.command_line.errors import RequestError
from models.keras_files.stored_model import brief

OPERATION = re.compile(r"'?tf\.(\w+)'? op is neither a custom op nor a flex op")
LISTED = re.compile(r"(?:TF Select ops|Custom ops|Flex ops): ([\w, ]+)")
FAILED = re.compile(r"failed to legalize operation '(?:tf|tfl)\.(\w+)'")
LAYER = re.compile(r'loc\((?:callsite\()?(?:fused\[)?"(?:\w+:", ")?([^"@]+)')
SHOWN = 4


@contextlib.contextmanager
def as_one_line() -> Iterator[None]:
    """RequestError in place of whatever the converter, or the tracing before it, raises."""
    try:
        yield
    except RequestError:
        raise
    except Exception as error:  # the converter lets anything through
        raise RequestError(_sentence(str(error))) from error


def _sentence(text: str) -> str:
    found = [*OPERATION.findall(text), *FAILED.findall(text)]
    for listed in LISTED.findall(text):
        found += [name.strip() for name in listed.split(",")]
    operations = sorted(set(filter(None, found)))
    if not operations:
        return f"the network cannot be converted to TFLite ({_last_words(text)})"
    layers = sorted(set(LAYER.findall(text)))
    where = f" (in {', '.join(layers[:SHOWN])})" if layers else ""
    return (
        f"the network uses {', '.join(operations[:SHOWN])}{where}, which TFLite has no operator "
        "for; replace the layer and save the model again"
    )


def _last_words(text: str) -> str:
    """The line of the message that names the fault: the last one of Python's own tracebacks."""
    lines = [line for line in text.splitlines() if "rror" in line]
    return brief(lines[-1] if lines else text)
