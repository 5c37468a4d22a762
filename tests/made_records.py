"""Results and records that nothing measured, for tests of what is made of them."""

from bench.measurement.environment import Environment
from bench.measurement.plan import QUICK
from bench.measurement.record import Record
from bench.measurement.result import Result, Turn

HOST = Environment("a processor", 2, 2**33, "Linux", "x86_64", "3.11")


def result(turns, runtime="litert", **more):
    """A result of these turns, each a list of nanoseconds."""
    samples = tuple(ns for turn in turns for ns in turn)
    taken = tuple(Turn(0.1 * n, len(turn)) for n, turn in enumerate(turns))
    found = {"runtime_version": "2.3", "threads": 2, "affinity": (0, 1), **more}
    return Result(runtime, samples_ns=samples, turns=taken, **found)


def timed_record(artifact="int8.tflite", turns=((100, 200, 300),) * 4, **more):
    """A record of ``artifact``, timed in a session of a gate."""
    scheme, form = artifact.rsplit(".", 1)
    known = {
        "kind": "gate",
        "session": "s",
        "command": "bench gate",
        "commit": None,
        "device": "host",
        "model_id": "tiny",
        "artifact": artifact,
        "artifact_sha256": "0" * 64,
        "artifact_bytes": 1000,
        "format": form,
        "scheme": scheme,
        "plan": QUICK,
        "result": result(turns),
        "data": None,
        "accuracy": None,
        "environment": HOST,
    }
    return Record(**{**known, **more})
