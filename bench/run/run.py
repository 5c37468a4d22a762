"""``bench run``: the exported files of one model in every runtime that reads them, timed in turns,
then evaluated."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

import numpy as np

from bench.console.output import Output, add_layout
from bench.console.warning_lines import failures
from bench.devices.device import Device
from bench.devices.governor import governed
from bench.devices.host import native_runner
from bench.devices.open_devices import named, open_devices
from bench.devices.runtimes import runtimes_on
from bench.devices.settings import HOST, DeviceSettings
from bench.engine import measure_options
from bench.engine.evaluation import Evaluation, open_evaluation
from bench.engine.exported import Exported, open_exported
from bench.engine.measure_options import MeasureOptions
from bench.engine.session import DeviceRun, Session
from bench.engine.variant import Variant, variants
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.job import NATIVE
from bench.measurement.record import Record
from bench.run import title
from bench.run.evaluate import evaluate
from bench.run.profile import profiled
from bench.run.sustained import run_sustained
from bench.run.time_files import base, timed
from models import reference
from models.command_line import options
from models.command_line.advice import make_line
from models.command_line.errors import CheckFailed, DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.progress import note, step
from models.image_places import evaluation_place
from models.source import Source, resolve

DEFAULT_IMAGES, LEAST_IMAGES = 1000, 16
MOST_VALUES = 2**26  # of one file's outputs of all images, float32 on disk
NO_CLASSES = "the model gives values, not classes: top-1 and agreement are n/a"


def add_arguments(parser: ArgumentParser) -> None:
    """Every option of the project, and those of a measurement."""
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, MeasureOptions, measure_options.HELP)
    measure_options.add_presets(parser)
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")
    add_layout(parser)


def run(namespace: Namespace, typed: str) -> None:
    """``bench run`` as typed."""
    asked = options.from_namespace(namespace), options.from_namespace(namespace, MeasureOptions)
    run_bench(*asked, typed, Output(namespace.json, namespace.wide))


def run_bench(asked: Options, measured: MeasureOptions, command: str, output: Output) -> None:
    """Print and record one row for each device, file and runtime.

    A runtime that fails costs its own row only, a device that fails its own rows. RequestError for
    a wrong request; DeviceError when a device cannot be had, or no row succeeded; CheckFailed where
    ``measured`` is strict and a measurement has a warning.
    """
    model, history = resolve(asked), History()
    exported = open_exported(asked, model)
    settings = named(asked.device)
    chosen = _chosen(settings, exported, asked, measured)
    history.check()
    images = _images(asked, measured, model, exported)
    _make_native_runner(chosen)
    # Whatever is wrong with the images is found ahead of minutes of timing, or of a new device.
    with (
        images as evaluation,
        open_devices(settings) as devices,
        ExitStack() as governors,
    ):
        session = Session("bench", exported, asked, measured, measured.given, command)
        runs = _runs(session, devices, chosen)
        keras = _keras(model, asked, evaluation)
        notes = [*_notes(session, model, evaluation), *(line for run in runs for line in run.notes)]
        output.say(title.of_command(runs, evaluation), *(f"note: {note}" for note in notes))
        output.give(session=session.id)
        for device in devices:
            governors.enter_context(
                governed(device.start_program, device.name, measured.governor, note)
            )
        if measured.sustained is not None:
            rows = run_sustained(runs, history, output)
        else:
            rows = _measured(runs, history, output, evaluation, keras)
        skipped = _skipped(evaluation) if evaluation else []
        output.say(*(f"note: {note}" for note in skipped))
        output.give(warnings=[*notes, *skipped], caveats=[*notes, *skipped])
    output.end()
    _check([row for of_device in rows.values() for row in of_device], measured.strict)


def _is_random(exported: Exported) -> bool:
    return exported.manifest.model.get("weights") == "random"


def _chosen(
    settings: Sequence[DeviceSettings], exported: Exported, asked: Options, measured: MeasureOptions
) -> dict[str, list[Variant]]:
    """The rows of each device by its name."""
    return {
        one.name: variants(
            exported, measured, runtimes_on(one, measured.wanted_runtimes, asked.threads)
        )
        for one in settings
    }


def _make_native_runner(chosen: Mapping[str, Sequence[Variant]]) -> None:
    """Ahead of everything that is timed, where a row of this machine needs it."""
    if any(variant.runtime in NATIVE for variant in chosen.get(HOST, ())):
        with step("native runner") as show:
            native_runner(show)


def _runs(
    session: Session, devices: Sequence[Device], chosen: Mapping[str, Sequence[Variant]]
) -> list[DeviceRun]:
    """The session on each of its devices."""
    found = {device.name: device.environment() for device in devices}
    titles = title.of_devices(found)
    return [
        DeviceRun(session, device, found[device.name], chosen[device.name], titles[device.name])
        for device in devices
    ]


def _images(
    asked: Options, measured: MeasureOptions, model: Source, exported: Exported
) -> AbstractContextManager[Evaluation | None]:
    """The images to evaluate on; None where only times are measured."""
    place = evaluation_place(asked, model)
    if place is None and (measured.drift or measured.explain):
        raise RequestError(
            "DRIFT and EXPLAIN compare answers on images, and none were given; use DATA=folder of "
            "images of the kind the model was trained on"
        )
    if place is None or measured.sustained or _is_random(exported):
        return nullcontext()
    return open_evaluation(asked, exported, place, model.labels_known, _default_images(exported))


def _notes(session: Session, model: Source, evaluation: Evaluation | None) -> list[str]:
    """Notes on the files and on the images, or on what it takes to have some."""
    manifest = session.exported.manifest
    found = [*manifest.notes]
    if evaluation and not manifest.classes:
        found.append(NO_CLASSES)
    if evaluation:
        found += [*evaluation.dataset.warnings, *evaluation.notes]
    elif evaluation_place(session.options, model) is None:
        line = session.make_line(DATA="folder")
        found.append(f"no images were given to evaluate on: {line} has accuracy and drift, too")
    return list(dict.fromkeys(found))


def _default_images(exported: Exported) -> int:
    """The count of images without N_EVAL: fewer where their outputs, e.g. maps, are large."""
    values = sum(output.size for output in exported.manifest.outputs) or 1
    return min(DEFAULT_IMAGES, max(LEAST_IMAGES, MOST_VALUES // values))


def _keras(model: Source, asked: Options, evaluation: Evaluation | None) -> np.ndarray | None:
    """Keras's outputs float32 [n, classes]; None where nothing is to be evaluated."""
    if evaluation is None:
        return None
    with step(f"{model.reference} on {len(evaluation.indices)} images"):
        return reference.outputs(model, asked, evaluation.dataset, evaluation.indices)


def _skipped(evaluation: Evaluation) -> list[str]:
    """Notes on the images that were skipped, known once every image has been read."""
    found = evaluation.dataset.skipped
    return [f"images skipped: {len(found)}, the first {found[0]}"] if found else []


def _measured(
    runs: Sequence[DeviceRun],
    history: History,
    output: Output,
    evaluation: Evaluation | None,
    keras: np.ndarray | None,
) -> dict[str, list[Record]]:
    rows = timed(runs, history, output)
    if runs[0].session.measure.profile:
        rows = profiled(runs, history, output, rows)
    if evaluation is not None:
        rows = evaluate(runs, history, output, rows, evaluation, keras)
    output.give(
        rows=[
            flat_record.as_json(row, base(of_device))
            for of_device in rows.values()
            for row in of_device
        ]
    )
    every = [row for of_device in rows.values() for row in of_device]
    output.say(f"details of each row, flipped images too: {_show_lines(every)}")
    output.say(*failures(rows))
    return rows


def _show_lines(rows: Sequence[Record]) -> str:
    """The command for the first row and, of several, the last id; another bench may have written
    between them."""
    first, last = min(row.id for row in rows), max(row.id for row in rows)
    return make_line("show", ID=first) + (f", and so on to {last}" if last > first else "")


def _check(rows: Sequence[Record], strict: bool) -> None:
    failed = [row for row in rows if row.result.error]
    if len(failed) == len(rows):
        raise DeviceError(f"all {len(rows)} rows failed; each row above says why")
    kinds = sorted({warning.kind for row in rows for warning in row.warnings})
    if strict and kinds:
        raise CheckFailed(
            f"measurements have warnings ({', '.join(kinds)}); they are kept; "
            "follow the advice above, or leave STRICT out"
        )
