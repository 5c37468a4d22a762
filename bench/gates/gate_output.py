"""Verdicts for a person, for a CI server (JUnit XML) and for a pull request (Markdown)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from bench.console.foreign_text import markdown_code, markdown_text
from bench.gates.verdict import PASSED, Verdict, counts, failing
from models.command_line import writable
from models.command_line.columns import aligned
from models.command_line.errors import RequestError
from models.command_line.printable import printable
from models.command_line.storable import encoded

XML_DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n"
COLUMNS = ("gate", "file", "runtime", "found", "limit", "verdict")


def _cells(one: Verdict) -> tuple[str, ...]:
    return one.gate, one.file, one.runtime, one.found, one.limit, one.outcome


def table(verdicts: Sequence[Verdict]) -> str:
    """One line for each verdict, the detail in lines below it; then each advice, in a line however
    long it is, since it may be a command to copy."""
    rows: list[Sequence[str]] = [COLUMNS]
    for one in verdicts:
        rows.append(_cells(one))
        rows += [("", one.detail)] if one.detail else []
    advice = dict.fromkeys(f"{one.gate}: {one.advice}" for one in verdicts if one.advice)
    return "\n".join([aligned(rows), *map(printable, advice)])


def markdown(title: str, verdicts: Sequence[Verdict], inconclusive: str) -> str:
    """A heading, the number of verdicts by outcome, and a table that begins with what failed."""
    bad = failing(verdicts, inconclusive)
    lines = [
        f"### {'Gate failed' if bad else 'Gate passed'}: {markdown_text(title)}",
        "",
        counts(verdicts),
        "",
        "| " + " | ".join((*COLUMNS, "detail")) + " |",
        "|" + " --- |" * (len(COLUMNS) + 1),
    ]
    for one in [*bad, *(verdict for verdict in verdicts if verdict not in bad)]:
        gate, file, *middle, outcome = _cells(one)
        shown = outcome if outcome == PASSED else f"**{outcome}**"
        words = map(markdown_text, (*middle, one.explanation))
        *middle, explanation = words
        cells = (gate, markdown_code(file), *middle, shown, explanation)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


class Times:
    """The time that a gate takes from now on, and the inferences of each file in its runtime."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._seconds: dict[tuple[str, str], float] = {}

    def inferring(self, file: str, runtime: str, samples_ns: Sequence[int]) -> None:
        """Remember the inferences of a file, which took so long."""
        self._seconds[file, runtime] = sum(samples_ns) / 1e9

    def of_all(self) -> float:
        """Seconds until now."""
        return (datetime.now(UTC) - self.started).total_seconds()

    def taken(self, file: str, runtime: str) -> float:
        """The seconds of a file, once: its further cases took no time of their own."""
        return self._seconds.pop((file, runtime), 0.0)


def junit(title: str, verdicts: Sequence[Verdict], inconclusive: str, took: Times) -> str:
    """JUnit XML: a test case for each verdict. One that makes the command fail is a failure; one
    that was skipped, or is inconclusive and may be, is skipped. The time of the first case of a
    file in a runtime is that of its inferences."""
    bad = failing(verdicts, inconclusive)
    title = printable(title)
    skipped = [one for one in verdicts if one not in bad and one.outcome != PASSED]
    suite = ElementTree.Element(
        "testsuite",
        name=f"gate {title}",
        tests=str(len(verdicts)),
        failures=str(len(bad)),
        errors="0",
        skipped=str(len(skipped)),
        timestamp=f"{took.started:%Y-%m-%dT%H:%M:%S}",
        time=f"{took.of_all():.3f}",
    )
    for one in verdicts:
        name = printable(f"{one.file} in {one.runtime}" if one.runtime else one.file)
        time = f"{took.taken(one.file, one.runtime):.3f}"
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"gate.{one.gate}", name=name, time=time
        )
        parts = (one.found, one.limit, one.explanation)
        text = "; ".join(printable(part) for part in parts if part)
        if one in bad:
            ElementTree.SubElement(case, "failure", type=one.outcome, message=text).text = text
        elif one in skipped:
            ElementTree.SubElement(case, "skipped", message=f"{one.outcome}: {text}")
        else:
            ElementTree.SubElement(case, "system-out").text = text
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    return XML_DECLARATION + ElementTree.tostring(whole, encoding="unicode") + "\n"


def check_writable(name: str, path: str) -> None:
    """RequestError, ahead of all measuring, where ``path`` cannot be a file; "" is none."""
    if path and (fault := writable.fault_of(Path(path))):
        raise RequestError(
            f"{name} is {path!r} ({fault}); expected a file in an existing folder, to be written"
        )


def write(path: str, text: str) -> list[str]:
    """``text`` into the file at ``path``; "" is none. The sentences that say what went wrong."""
    if not path:
        return []
    try:
        writable.write(Path(path), encoded(text))
    except OSError as error:
        return [f"{path} cannot be written: {error.strerror or error}"]
    return []
