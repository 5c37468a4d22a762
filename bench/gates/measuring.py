"""The measurement behind the gates and the baseline: each file in the runtime it is meant for."""

from bench.bench import Bench
from bench.device import open_device
from bench.exported import open_exported
from bench.record import new_session
from bench.repository import commit
from bench.timing import HELP, Timing
from bench.variant import variants
from models.options import Options
from models.source import resolve

RUNTIME_OF = {"tflite": "litert", "onnx": "onnxruntime"}
TIMING_HELP = {name: HELP[name] for name in ("plan", "cores")}


def open_bench(asked: Options, plan: str, cores: str, command: str) -> Bench:
    """What the files of ``asked`` are measured with, in one session; RequestError for what is
    not there or not known."""
    timing = Timing(plan=plan, cores=cores, runtimes=",".join(RUNTIME_OF.values()))
    device = open_device(asked.device)
    exported = open_exported(asked, resolve(asked).model_id)
    chosen = variants(exported, timing)
    return Bench(
        device, device.environment(), exported, chosen, asked, timing, command,
        new_session(), commit(),
    )  # fmt: skip
