"""The exported files of a network, made first where they are not there."""

import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from bench.engine.exported import Exported, open_exported
from export.artifact import MANIFEST_NAME
from models.command_line.advice import NOT_OF_EXPORT, make_line
from models.command_line.child_python import module_command
from models.command_line.errors import CheckFailed, CommandError, DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.progress import note
from models.source import resolve

FAILED: dict[int, type[CommandError]] = {
    error.exit_code: error for error in (CheckFailed, RequestError, DeviceError)
}


def exported(options: Options) -> Exported:
    """The files of ``options``; where there is no manifest, an export writes them, and shows what
    it does on standard error. Errors are as those of ``python -m export``."""
    source = resolve(options)
    if not (Path(options.out) / source.model_id / MANIFEST_NAME).is_file():
        note(f"there are no files of {source.model_id} in {options.out}: exporting them first")
        _export(options, source.model_id)
    return open_exported(options, source)


def tflite(options: Options, scheme: str) -> Path:
    """The .tflite file of a scheme among the files of ``options``; RequestError where there is
    none."""
    found = exported(options)
    for artifact in found.manifest.artifacts:
        if (artifact.format, artifact.scheme) == ("tflite", scheme):
            return found.path(artifact)
    raise RequestError(f"{found.folder} has no {scheme}.tflite; run {make_line('export', options)}")


def _export(options: Options, model_id: str) -> None:
    """In a process of its own: TensorFlow keeps the memory that it has had, and we measure next."""
    command = module_command("export", *_arguments(options))
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    written = (Path(options.out) / model_id / MANIFEST_NAME).is_file()
    if done.returncode == CheckFailed.exit_code and written:
        note(f"not every file of {model_id} could be written; the reasons are above")
    elif done.returncode:
        failed = FAILED.get(done.returncode, DeviceError)
        code = done.returncode
        raise failed(f"the export of {model_id} ended with exit code {code}; its error is above")


def _arguments(options: Options) -> Iterator[str]:
    for option in fields(Options):
        value = getattr(options, option.name)
        if option.name not in NOT_OF_EXPORT and value is not None and value != option.default:
            flag = "--" + option.name.replace("_", "-")
            yield f"{flag}={int(value) if isinstance(value, bool) else value}"
