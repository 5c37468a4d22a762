"""Next steps for messages: commands that can be run as they stand."""

import shlex
import sys
from dataclasses import fields
from pathlib import Path

from models.command_line.options import Options

# Options that every target accepts but that change nothing about an exported file.
NOT_OF_EXPORT = ("n_eval", "device", "threads")


def make_line(target: str, asked: Options | None = None, **variables: object) -> str:
    """The command ``make TARGET NAME=value ...``, quoted for the shell.

    The variables are the fields of ``asked`` that differ from their defaults (ARCH always, unless
    there is a MODEL), then ``variables``, which win over ``asked``; None leaves one out. Lower
    case names are written in capitals.
    """
    chosen = {} if asked is None else _options_of(target, asked)
    chosen |= {name.upper(): value for name, value in variables.items()}
    words = [f"{name}={_quoted(value)}" for name, value in chosen.items() if value is not None]
    return " ".join(["make", target, *words])


def _options_of(target: str, asked: Options) -> dict[str, object]:
    left_out = NOT_OF_EXPORT if target == "export" else ()
    return {
        option.name.upper(): value
        for option in fields(Options)
        if option.name not in left_out
        and (
            (value := getattr(asked, option.name)) != option.default
            or (option.name == "arch" and not (asked.model or asked.file))
        )
    }


def _quoted(value: object) -> str:
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return shlex.quote(text)


def options_line(module: str, asked: Options, *left_out: str) -> str:
    """The command that runs ``module`` with the options of ``asked`` that differ from defaults,
    but for those that are ``left_out``."""
    chosen = {name.lower(): value for name, value in _options_of("", asked).items()}
    words = [
        word
        for name, value in chosen.items()
        if name not in left_out
        for word in ("--" + name.replace("_", "-"), str(int(value) if value is True else value))
    ]
    return module_line(module, *words)


def module_line(module: str, *words: str) -> str:
    """The command that runs ``module`` with this Python, e.g. ``.venv/bin/mobilenet-bench``.

    Of a module without such a script ``.venv/bin/python -m``, which works in a checkout alone.
    """
    python = Path(sys.executable)
    script = python.with_name(f"mobilenet-{module}")
    program = script if script.exists() else python
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    start = [str(program)] if program.name == script.name else [str(program), "-m", module]
    return shlex.join([*start, *words])
