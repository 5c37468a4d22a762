"""The measurement behind the gates and the baseline: each file in the runtime it is meant for."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.devices.open_devices import THIS_MACHINE, named_settings, open_device
from bench.devices.runtimes import runtimes_on
from bench.engine.exported import open_exported
from bench.engine.measure_options import HELP, Timing
from bench.engine.repository import commit
from bench.engine.session import Bench
from bench.engine.variant import variants
from bench.measurement.record import new_session
from models.command_line.options import Options
from models.source import resolve

RUNTIME_OF = {"tflite": "litert", "onnx": "onnxruntime"}
TIMING_HELP = {name: HELP[name] for name in ("plan", "cores")}


@contextmanager
def open_bench(asked: Options, plan: str, cores: str, command: str) -> Iterator[Bench]:
    """What the files of ``asked`` are measured with, in one session on one device, which is closed
    when the block ends; RequestError for what is not there or not known, or several devices."""
    timing = Timing(plan=plan, cores=cores, runtimes=",".join(RUNTIME_OF.values()))
    settings = named_settings(asked.device) or THIS_MACHINE
    exported = open_exported(asked, resolve(asked).model_id)
    runtimes = runtimes_on(settings, timing.wanted_runtimes, asked.threads)
    chosen = variants(exported, timing, runtimes)
    with open_device(asked.device) as device:
        yield Bench(
            device, device.environment(), exported, chosen, asked, timing, command,
            new_session(), commit(),
        )  # fmt: skip
