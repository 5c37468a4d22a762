"""The check that exported files are of the network as it is now, and made as is asked for."""

import json
from dataclasses import asdict
from pathlib import Path

from export.artifact import MANIFEST_NAME, Manifest
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.source import Source
from quantize.methods.plan import Plan

VARIABLES = {"resolution": "RES", "file": "MODEL"}  # of names in an identity


def check_if_there(options: Options, source: Source) -> None:
    """RequestError where there are exported files, but not of what ``source`` is now."""
    folder = Path(options.out) / source.model_id
    if (folder / MANIFEST_NAME).is_file():
        manifest = Manifest.read(folder, make_line("export", options))
        check_current(manifest, folder, options, source)


def check_current(manifest: Manifest, folder: Path, options: Options, source: Source) -> None:
    """RequestError where the network has changed since the export, or ``options`` ask for other
    files: those that are there would be compared with what they were never made of."""
    command = make_line("export", options)
    identity = source.identity()
    if changed := manifest.differences(identity):
        what = f"MODEL={options.model}" if options.model else f"WEIGHTS={identity['weights']}"
        raise RequestError(
            f"{_difference(changed, what, folder, manifest.model, identity)}; run {command} again"
        )
    if (options.methods, options.keep_float) != (Options.methods, Options.keep_float):
        plan = asdict(Plan.of(options.methods, source, options.keep_float))
        if manifest.plan and json.loads(json.dumps(plan)) != manifest.plan:
            raise RequestError(
                f"the files in {folder} were made by other METHODS or KEEP_FLOAT than these; run "
                f"{command} again, or leave both out to take the files as they are"
            )
    made = {*manifest.further, *(artifact.scheme for artifact in manifest.artifacts)}
    asked = [scheme.strip() for scheme in options.schemes.split(",") if scheme.strip()]
    for failure in manifest.failed:
        if failure.name.rpartition(".")[0] in {*asked} - made:
            raise RequestError(f"{folder} lacks a file that SCHEMES asks for: {failure.sentence}")
    if missing := [scheme for scheme in asked if scheme not in made]:
        raise RequestError(f"there is no {missing[0]} file in {folder}; run {command} again")


def _difference(changed: list[str], what: str, folder: Path, before: dict, now: dict) -> str:
    """The first difference between the network the files were made of and the one that is there."""
    for name in ("sha256", "weights_sha256"):
        if name in changed and before.get(name) and now[name]:
            then, today = before[name][:12], now[name][:12]
            return (
                f"{what} is not what the files in {folder} were exported from: its SHA-256 starts "
                f"with {today}, then it was {then}"
            )
    name = changed[0]
    then, today = _in_words(name, before.get(name)), _in_words(name, now[name])
    return f"the files in {folder} were exported with {then}, not with {today}"


def _in_words(name: str, value: object) -> str:
    variable = VARIABLES.get(name, name.upper())
    return f"no {variable}" if value is None else f"{variable}={value}"
