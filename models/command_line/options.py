"""The options of every command: one table from which all command lines are derived.

The Make variables are these names in capitals (``N_CALIB`` is ``--n-calib``).
"""

import argparse
import difflib
from dataclasses import dataclass, fields

from models.command_line import numbers
from models.command_line.cache import NAME
from models.command_line.errors import RequestError

MOST_THREADS = 1024  # which runners take


def _flag(name):
    def parse(text):
        if text not in ("0", "1"):
            raise RequestError(f"{name} is {text!r}; expected 0 or 1")
        return text == "1"

    return parse


@dataclass(frozen=True)
class Options:
    """The request as given. None means: what the weights or the model have."""

    arch: str = "v2"
    alpha: float | None = None
    res: int | None = None
    classes: int | None = None
    weights: str | None = None
    model: str | None = None
    logits: bool = False
    scale: float | None = None
    offset: float | None = None
    outputs: str | None = None
    data: str | None = None
    calib: str | None = None
    n_calib: int = 128
    n_eval: int | None = None
    methods: str = "auto"
    keep_float: str = ""
    schemes: str = ""
    train: str | None = None
    train_labels: bool = False
    steps: int | None = None
    skip_corrupt: bool = False
    split: int = 1
    device: str = "host"
    threads: int = 2
    out: str = "artifacts"
    file: str | None = None

    def __post_init__(self) -> None:
        for name in ("threads", "n_calib", "n_eval", "split", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RequestError(f"{name.upper()} is {value}; expected at least 1")
        if self.threads > MOST_THREADS:
            raise RequestError(f"THREADS is {self.threads}; expected 1 to {MOST_THREADS}")
        if self.outputs not in (None, "classes", "values"):
            raise RequestError(
                f"OUTPUTS is {self.outputs!r}; expected classes or values, or nothing to let the "
                "model tell"
            )


HELP = {
    "arch": "which network",
    "alpha": "width multiplier, above 0",
    "res": "input size in pixels",
    "classes": "number of classes",
    "weights": "demo (where there is such a checkpoint), imagenet, random or a Keras weights file",
    "model": "your own model (.keras, .h5, SavedModel folder, .tflite or .onnx) instead of ARCH",
    "logits": "1 leaves the final softmax or sigmoid out",
    "scale": "preprocessing of MODEL: pixel * SCALE + OFFSET",
    "offset": "preprocessing of MODEL: pixel * SCALE + OFFSET",
    "outputs": "what MODEL gives, where it does not tell: classes or values (embeddings, numbers)",
    "data": "images to evaluate on: a folder of class folders, or an .npz with x and y; demo "
    "where the weights are the demo's or random",
    "calib": "images to calibrate on, labelled or not, likewise; without it, a part of DATA",
    "n_calib": "how many images to calibrate on",
    "n_eval": "how many images to evaluate on",
    "methods": "quantization methods to try, comma-separated; auto: all that take "
    "seconds, until export.toml's min_sqnr_db is reached; auto,distillation: all of them, and then "
    "training",
    "keep_float": "layers that stay float in the int8 files, comma-separated, e.g. conv1,conv_dw_1",
    "schemes": "further files, comma-separated: int8-per-tensor, int8-dynamic, int16x8",
    "train": "images that distillation trains on, labelled or not, as CALIB; without it, those to "
    "calibrate on",
    "train_labels": "1 learns from the labels of TRAIN in place of the float network",
    "steps": "training steps of 16 images (256 where nothing is given)",
    "skip_corrupt": "1 skips images that cannot be read, and counts them",
    "split": "channel groups that bottlenecks are computed in, for less memory; 1: whole",
    "device": "where to run: host, or devices of devices.toml, comma-separated",
    "threads": "threads of the runtime",
    "out": "folder of the artifacts",
    "file": "any .tflite or .onnx files of one network, comma-separated, measured as they are",
}


FORMER_NAMES = {"methods": ("rungs",)}  # still accepted


class OneLineParser(argparse.ArgumentParser):
    """Ends a wrong command line as every other wrong request ends: in one line. Options are known
    by their whole names only."""

    def __init__(self, *arguments, **named) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **named})
        self.add_argument("--version", action=_Version, help="show the version and end")

    def parse_args(self, args=None, namespace=None):
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown))
        return found

    def error(self, message: str):
        raise RequestError(f"{message}; {_help(self.prog)}")

    def _unknown(self, words: list[str]) -> str:
        """The fault of the first of the ``words``, and the option that it is nearest to."""
        options = [word for word in words if word.startswith("-")]
        if not options:
            return f"{words[0]!r} is no option"
        given = options[0].split("=")[0]
        meant = given.strip("-").lower().replace("_", "-")
        known = [name.removeprefix("--") for name in self._option_string_actions]
        nearest = difflib.get_close_matches(meant, known, 1)
        return f"{given} is no option" + (f"; did you mean --{nearest[0]}?" if nearest else "")


class _Version(argparse.Action):
    """Prints the version of this package and ends."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        from importlib import metadata

        print(f"{NAME} {metadata.version(NAME)}")
        parser.exit()


def _help(prog: str) -> str:
    """The command that shows the options; those of a make target are make's variables."""
    return "run make for the variables" if prog.startswith("make ") else f"run {prog} --help"


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """An argument parser with every option of the table."""
    made = OneLineParser(prog=prog, description=description)
    add_table(made, Options, HELP)
    return made


def add_table(made: argparse.ArgumentParser, table: type, help_of: dict[str, str]) -> None:
    """Give ``made`` an option for each field of the dataclass ``table``."""
    kinds = {"int": numbers.whole_number, "float": numbers.number}
    for option in fields(table):
        base = str(option.type).split(" | ")[0].replace("<class '", "").replace("'>", "")
        name = option.name.upper()
        kind = _flag(name) if base == "bool" else kinds[base](name) if base in kinds else str
        # A switch may stand alone: --logits is --logits 1.
        alone = {"nargs": "?", "const": True} if base == "bool" else {}
        names = (option.name, *FORMER_NAMES.get(option.name, ()))
        made.add_argument(
            *("--" + name.replace("_", "-") for name in names),
            action=_OneOfItsNames if len(names) > 1 else "store",
            type=kind,
            default=option.default,
            metavar=name,
            help=help_of[option.name] + _default(option.default),
            **alone,
        )


class _OneOfItsNames(argparse.Action):
    """Stores the value of an option that has two names; refuses two values under two names."""

    def __call__(self, parser, namespace, value, name=None) -> None:
        given = getattr(namespace, f"_{self.dest}", {}) | {name: value}
        if len(set(given.values())) > 1:
            found = " and ".join(f"{n.lstrip('-').upper()}={v}" for n, v in given.items())
            current, former = (n.lstrip("-").upper() for n in self.option_strings)
            raise RequestError(
                f"found {found}; expected one of them: {former} is the old name of {current}"
            )
        setattr(namespace, f"_{self.dest}", given)
        setattr(namespace, self.dest, value)


def _default(value: object) -> str:
    return "" if value is None else f" (default: {value})"


def from_namespace(namespace: argparse.Namespace, table: type = Options):
    """The fields of ``table`` out of what its parser parsed."""
    return table(**{option.name: getattr(namespace, option.name) for option in fields(table)})
