"""Title lines: the model, the devices and the images of a session."""

from collections.abc import Sequence

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
        f"{about}evaluated on {len(evaluation.indices)} of {len(evaluation.dataset)} images of "
        f"{evaluation.dataset.name}{known}"
    )


def of_device(name: str, found: Environment, here: Environment) -> str:
    """The line above a device's table, with the versions that differ from those ``here``, on this
    machine."""
    different = (
        f"{package} {version}"
        for package, version in sorted(found.versions.items())
        if version != here.versions.get(package)
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
