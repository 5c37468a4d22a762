"""``bench device-clean``: a device as it was before the first bench."""

from argparse import ArgumentParser, Namespace
from pathlib import PurePosixPath

from bench.console.output import Output
from bench.devices.open_devices import THIS_MACHINE, one_named, open_platform
from bench.devices.platform import owner
from bench.devices.transport.transport import Transport
from models.command_line.errors import RequestError
from models.command_line.options import HELP
from models.command_line.progress import note, step

CLEAN_S = 300.0
OURS = ("files", "python", "running", "ended", "outputs", "awake")
# A cache folder of the user's choice may hold other things: only what is ours goes. The lock goes
# when it is nobody's any more; a bench that takes it in that instant holds a file without a name.
LAST = 'rm -f "$1/lock"; rmdir "$1" 2>/dev/null; test ! -e "$1" || ls -A "$1"'


def add_arguments(parser: ArgumentParser) -> None:
    """The device to clean."""
    parser.add_argument("--device", required=True, metavar="DEVICE", help=HELP["device"])


def run(namespace: Namespace, typed: str) -> None:
    """``bench device-clean`` as typed."""
    settings = one_named(namespace.device)
    if settings is THIS_MACHINE:
        raise RequestError(
            "DEVICE is host, where there is nothing to remove; expected a device of devices.toml"
        )
    transport, platform = open_platform(settings)
    with step(settings.name) as show:
        with platform.acquired(owner(), note, show) as acquired:
            cache = acquired.cache
            words = ["rm", "-rf", *(cache / name for name in OURS)]
            transport.run_check(words, CLEAN_S)
        left = _remove_folder(transport, cache)
    Output(False).say(f"{settings.name}: removed {cache}" + (f", but for: {left}" if left else ""))


def _remove_folder(transport: Transport, cache: PurePosixPath) -> str:
    """Remove the lock and the folder; what else is in it."""
    transport.connect()
    try:
        output = transport.run_check(["sh", "-c", LAST, "sh", cache], CLEAN_S)
    finally:
        transport.close()
    return " ".join(output.decode(errors="replace").split())
