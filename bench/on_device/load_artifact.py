"""The artifact of a job, loaded in its runtime; loading and preparing are timed apart."""

import sys
import time

import numpy as np

from bench.on_device.job_error import JobError, first_cause, one_line
from quantize.runtime.model_session import new_session
from quantize.runtime.names import ACCELERATED

# Of an input or output: what the exporter writes, and what the native runner knows.
ELEMENTS = ("float32", "int8", "uint8", "int16")


def load_artifact(job, result):
    """The artifact loaded in its runtime, load and prepare times written to ``result``."""
    if job["runtime"] in ACCELERATED:
        raise JobError("missing_runtime", f"{job['runtime']} needs the native runner, not Python")
    try:
        session = new_session(job["runtime"], job["threads"])
    except ImportError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise JobError(
            "missing_runtime",
            f"{job['runtime']} cannot be imported by Python {version}: "
            f"{one_line(first_cause(error))}",
        ) from error
    result["runtime_version"] = session.version
    try:
        result["load_ns"] = timed_ns(lambda: session.load(job["artifact"]))
        if session.prepare:
            result["prepare_ns"] = timed_ns(session.prepare)
    except Exception as error:
        raise JobError(
            "bad_model", f"{job['runtime']} cannot load it: {one_line(error)}"
        ) from error
    check_tensors(session.inputs, session.outputs)
    return session


def check_tensors(inputs, outputs):
    """JobError unless the file has one input, of numbers [1, h, w, c], and outputs of numbers."""
    if len(inputs) != 1 or not outputs:
        found = f"{len(inputs)} inputs and {len(outputs)} outputs"
        raise JobError("bad_model", f"the file has {found}; expected 1 and at least 1")
    shape = inputs[0].shape
    if len(shape) != 4 or shape[0] != 1 or min(shape) < 1:
        raise JobError("bad_model", f"the input is {shape}; expected [1, h, w, c]")
    ends = [("input", inputs[0]), *(("output", output) for output in outputs)]
    for which, tensor in ends:
        if str(tensor.dtype) not in ELEMENTS:
            found = tensor.dtype or "of a type that numpy does not have"
            expected = "float32, int8, uint8 or int16"
            raise JobError("bad_model", f"the {which} is {found}; expected {expected}")


def noise(session):
    """The same input each time, over the whole range that the file reads."""
    _, shape, dtype, _ = session.inputs[0]
    made = np.random.default_rng(0).uniform(-1, 1, shape)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        made = (made + 1) / 2 * (info.max - info.min) + info.min
    return made.astype(dtype)


def timed_ns(call):
    """The time that ``call()`` takes."""
    before = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - before
