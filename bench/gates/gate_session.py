"""The session of a gate or a baseline: each file in the runtime it is meant for, on one device."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.devices.open_devices import one_named, open_devices
from bench.devices.runtimes import runtimes_on
from bench.engine.exported import open_exported
from bench.engine.measure_options import HELP, MeasureOptions
from bench.engine.session import DeviceRun, Session
from bench.engine.variant import variants
from models.command_line.options import Options
from models.command_line.progress import note
from models.source import resolve

PLAN = "gate"  # the default of both commands
RUNTIME_OF = {"tflite": "litert", "onnx": "onnxruntime"}
MEASURE_HELP = {name: HELP[name] for name in ("plan", "cores")}


@contextmanager
def open_device_run(
    target: str, asked: Options, plan: str, cores: str, command: str
) -> Iterator[DeviceRun]:
    """The files of ``asked`` in one session of ``target``, "gate" or "baseline", on one device,
    which is closed when the block ends.

    RequestError for what is not there or not known, or for several devices.
    """
    measure = MeasureOptions(plan=plan, cores=cores, runtimes=",".join(RUNTIME_OF.values()))
    settings = one_named(asked.device)
    exported = open_exported(asked, resolve(asked))
    runtimes = runtimes_on(settings, measure.wanted_runtimes, asked.threads)
    chosen = variants(exported, measure, runtimes)
    with open_devices([settings]) as (device,):
        given = {"plan": None if plan == PLAN else plan, "cores": cores or None}
        session = Session(target, exported, asked, measure, given, command)
        run = DeviceRun(session, device, device.environment(), chosen)
        for line in run.notes:
            note(line)
        yield run
