"""What was measured where, in a line for a person."""

from collections.abc import Sequence

from bench.engine.evaluation import Evaluation
from bench.engine.session import Bench
from bench.measurement.environment import Environment


def of_command(benches: Sequence[Bench], evaluation: Evaluation | None) -> str:
    """The first line of the output: model, devices, images (None: timed only)."""
    first = benches[0]
    where = ", ".join(bench.device.name for bench in benches)
    if len(benches) == 1:
        where += f" ({_processor(first.environment)})"
    about = f"{first.exported.manifest.model_id} on {where}, {first.options.threads} threads; "
    if evaluation is None:
        return about + "timed only"
    known = "" if evaluation.labels_known else ", its right answers not known to this model"
    return (
        f"{about}judged on {len(evaluation.indices)} of {len(evaluation.dataset)} images of "
        f"{evaluation.dataset.name}{known}"
    )


def of_device(name: str, found: Environment, here: Environment) -> str:
    """The line above a device's table, with the versions that are others than those ``here``, on
    this machine."""
    others = (
        f"{package} {version}"
        for package, version in sorted(found.versions.items())
        if version != here.versions.get(package)
    )
    about = [
        _processor(found),
        found.os or found.system,
        *([f"Python {found.python}"] if found.python else ()),
        *others,
        *(["emulated: its times mean nothing"] if found.emulated else ()),
    ]
    return f"{name}: {', '.join(about)}"


def _processor(found: Environment) -> str:
    return f"{found.board or found.cpu_model}, {found.cores} cores"
