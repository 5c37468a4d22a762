"""Title lines: the model, the devices and the images of a session."""

from collections.abc import Mapping, Sequence

from bench.devices.open_devices import THIS_MACHINE, open_devices
from bench.devices.settings import HOST
from bench.engine.evaluation import Evaluation
from bench.engine.session import DeviceRun
from bench.measurement.environment import Environment


def of_command(runs: Sequence[DeviceRun], evaluation: Evaluation | None) -> str:
    """The first line of the output: model, devices, images (None: timed only)."""
    first = runs[0]
    where = ", ".join(run.device.name for run in runs)
    if len(runs) == 1:
        where += f" ({_processor(first.environment)})"
    model_id = first.session.exported.manifest.model_id
    about = f"{model_id} on {where}, {first.session.options.threads} threads; "
    if evaluation is None:
        return about + "timed only"
    known = "" if evaluation.labels_known else ", whose classes this model was not trained for"
    return (
        f"{about}evaluated on {len(evaluation.indices)} of {evaluation.available} images of "
        f"{evaluation.dataset.name}{known}"
    )


def of_devices(found: Mapping[str, Environment]) -> dict[str, str]:
    """The line above the table of each device by name, with the versions that differ from those of
    this machine; empty where this machine is the only one, of which the first line tells."""
    if list(found) == [HOST]:
        return {HOST: ""}
    with open_devices([THIS_MACHINE]) as (host,):
        local = found.get(HOST) or host.environment()
    return {name: _of_device(name, one, local) for name, one in found.items()}


def _of_device(name: str, found: Environment, local: Environment) -> str:
    different = (
        f"{package} {version}"
        for package, version in sorted(found.versions.items())
        if version != local.versions.get(package)
    )
    about = [
        _processor(found),
        found.os or found.system,
        *([f"Python {found.python}"] if found.python else ()),
        *different,
        *(["emulated: its times mean nothing"] if found.emulated else ()),
    ]
    return f"{name}: {', '.join(about)}"


def _processor(found: Environment) -> str:
    return f"{found.board or found.cpu_model}, {found.cores} cores"
