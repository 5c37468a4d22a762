"""The options that choose which runs of the history a command is about."""

import argparse

from bench.history.history import History
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.numbers import whole_number

COLUMN_OF = {"model": "model_id", "device": "device", "kind": "kind"}


def add_options(parser: argparse.ArgumentParser, limit: int | None) -> None:
    """``--limit`` (the default ``limit``; None: all), ``--model``, ``--device``, ``--kind``."""
    shown = "all" if limit is None else limit
    parser.add_argument(
        "--limit",
        type=whole_number("--limit"),
        default=limit,
        help=f"the newest so many (default: {shown})",
    )
    parser.add_argument("--model", help="of this model alone, such as v2-0.35-96-demo")
    parser.add_argument("--device", help="of this device alone, such as host")
    parser.add_argument("--kind", help="of this kind alone: run, sustained, gate or baseline")


def asked(namespace: argparse.Namespace) -> dict[str, str | int | None]:
    """The arguments of ``History.listing``; RequestError for a wrong limit."""
    if namespace.limit is not None and namespace.limit < 1:
        raise RequestError(f"--limit is {namespace.limit}; expected at least 1")
    return {
        "limit": namespace.limit,
        **{column: getattr(namespace, name) for name, column in COLUMN_OF.items()},
    }


def nothing_found(history: History, chosen: dict[str, str | int | None]) -> RequestError:
    """Message that nothing was found, with what there is."""
    known = history.known()
    if not known["kind"]:
        return RequestError(
            f"{history.path} has no measurement yet; run {make_line('bench')} first"
        )
    typed = [f"--{name} {chosen[column]}" for name, column in COLUMN_OF.items() if chosen[column]]
    available = [f"--{name}: {', '.join(known[column])}" for name, column in COLUMN_OF.items()]
    return RequestError(
        f"{history.path} has no run with {' '.join(typed)}; it has {'; '.join(available)}"
    )
