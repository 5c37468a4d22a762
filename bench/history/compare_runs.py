"""``bench compare A B``: two runs side by side, if they were made under like circumstances."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from bench.console.output import add_layout
from bench.console.record_table import NOT_KNOWN, figure, percent
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.comparable import relative, took_turns, unlike
from bench.measurement.latency import Ratio
from bench.measurement.record import Record
from models.command_line.advice import make_line
from models.command_line.columns import WIDTH, aligned
from models.command_line.errors import RequestError
from models.command_line.numbers import whole_number
from models.command_line.printable import printable_lines


@dataclass(frozen=True)
class Comparison:
    """``ratio``: median of ``a`` over that of ``b``, None where one was not timed, or was on an
    emulated device, whose times mean nothing. ``in_turns``: they took turns with each other."""

    a: Record
    b: Record
    ratio: Ratio | None
    in_turns: bool

    @property
    def beyond_noise(self) -> bool | None:
        """True where the interval of the ratio leaves 1 out; None without a ratio."""
        if self.ratio is None:
            return None
        return not self.ratio.interval.low <= 1 <= self.ratio.interval.high


def add_arguments(parser: ArgumentParser) -> None:
    for name in ("A", "B"):
        parser.add_argument(name, type=whole_number(name), help="id of a run; make list shows them")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    add_layout(parser)


def run(namespace: Namespace, typed: str) -> None:
    """Print the comparison; RequestError for unknown ids, and for runs that cannot be compared."""
    history = History()
    comparison = compare(history.get(namespace.A), history.get(namespace.B))
    if namespace.json:
        print(json.dumps(_as_dict(comparison), indent=2))
    else:
        print(printable_lines(_text(comparison, namespace.wide)))


def compare(a: Record, b: Record) -> Comparison:
    """RequestError, with both values of what differs, where the circumstances are not alike."""
    differing = unlike(a, b)
    if differing:
        shown = "; ".join(f"{name}: {of_a} and {of_b}" for name, (of_a, of_b) in differing.items())
        raise RequestError(
            f"runs {a.id} and {b.id} were made in different circumstances ({shown}); "
            "expected the same machine, threads and versions: measure both with one make bench"
        )
    found = relative(a, b)
    if found is None and not (a.accuracy and b.accuracy):
        raise RequestError(
            f"runs {a.id} and {b.id} have no times or accuracy in common; "
            f"{make_line('show', ID=a.id)} shows what it has"
        )
    return Comparison(a, b, found.ratio if found else None, took_turns(a, b))


def _as_dict(comparison: Comparison) -> dict[str, Any]:
    return {
        "a": flat_record.whole(comparison.a, samples=False),
        "b": flat_record.whole(comparison.b, samples=False),
        "ratio": asdict(comparison.ratio) if comparison.ratio else None,
        "in_turns": comparison.in_turns,
        "beyond_noise": comparison.beyond_noise,
    }


def _text(comparison: Comparison, wide: bool) -> str:
    a, b = comparison.a, comparison.b
    sides = [_side(a), _side(b)]
    rows = [("", f"run {a.id}", f"run {b.id}")]
    rows += [(name, sides[0][name], sides[1][name]) for name in sides[0]]
    table = aligned(rows, (), None if wide else WIDTH)
    return "\n".join([table, *_verdict(comparison), *_notes(comparison)])


def _side(record: Record) -> dict[str, str]:
    """One column of the table."""
    row = flat_record.flat(record)

    def time(text: Callable[[dict[str, Any]], str]) -> str:
        if row["emulated"]:
            return "emulated"
        return text(row) if row["samples"] else NOT_KNOWN

    return {
        "model": row["model_id"],
        "file": row["artifact"],
        "runtime": f"{row['runtime']} {row['runtime_version'] or ''}".strip(),
        "SHA-256": row["artifact_sha256"][:12],
        "commit": row["commit"] or NOT_KNOWN,
        "time (UTC)": row["time_utc"].removesuffix("+00:00"),
        "warnings": ", ".join(row["warnings"]) or "none",
        "median ms (95 %)": time(_median),
        "p90 ms": time(lambda row: f"{row['p90_ms']:.3f}"),
        "inferences": str(row["samples"]) if row["samples"] else NOT_KNOWN,
        "top-1": percent(row["top1"]),
        "top-5": percent(row["top5"]),
        "agreement": percent(row["agreement"]),
        "SQNR dB": figure(row["sqnr_db"], ".1f"),
        "images": f"{row['images']} of {row['data']}" if row["images"] else NOT_KNOWN,
    }


def _median(row: dict[str, Any]) -> str:
    low, high = row["median_low_ms"], row["median_high_ms"]
    return f"{row['median_ms']:.3f} ({low:.3f} to {high:.3f})"


def _verdict(comparison: Comparison) -> list[str]:
    found, a, b = comparison.ratio, comparison.a.id, comparison.b.id
    if found is None:
        return []
    shown = (
        f"run {a} takes {found.value:.3f} times as long as run {b} "
        f"(95 %: {found.interval.low:.3f} to {found.interval.high:.3f})"
    )
    if not comparison.beyond_noise:
        return [f"{shown}: no difference beyond the noise"]
    slower, faster = (a, b) if found.value > 1 else (b, a)
    return [f"{shown}: beyond the noise, run {faster} is faster than run {slower}"]


def _notes(comparison: Comparison) -> list[str]:
    a, b, notes = comparison.a, comparison.b, []
    if comparison.ratio and a.device != b.device:
        notes.append(f"measured on two devices, {a.device} and {b.device}")
    elif comparison.ratio and not comparison.in_turns:
        notes.append(
            "measured at different times: what the machine changed between them is not in the "
            "interval; files of one make bench take turns, as far as memory holds them"
        )
    if a.environment.emulated:
        notes.append("an emulated device: its times mean nothing and are not compared")
    evaluated = [(r.data, r.accuracy.images) for r in (a, b) if r.accuracy]
    if len(set(evaluated)) > 1:
        notes.append("evaluated on different images: their accuracies cannot be compared")
    return [f"note: {note}" for note in notes]
