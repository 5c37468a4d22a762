"""Verdicts for a person, for a CI server (JUnit XML) and for a pull request (Markdown)."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from bench.gates.verdict import PASSED, Verdict, counts, failing
from models.command_line.columns import aligned
from models.command_line.errors import RequestError

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
    return "\n".join([aligned(rows), *advice])


def markdown(title: str, verdicts: Sequence[Verdict], inconclusive: str) -> str:
    """A heading, the number of verdicts by outcome, and a table that begins with what failed."""
    bad = failing(verdicts, inconclusive)
    lines = [
        f"### {'Gate failed' if bad else 'Gate passed'}: {title}",
        "",
        counts(verdicts),
        "",
        "| " + " | ".join((*COLUMNS, "detail")) + " |",
        "|" + " --- |" * (len(COLUMNS) + 1),
    ]
    for one in [*bad, *(verdict for verdict in verdicts if verdict not in bad)]:
        gate, file, *middle, outcome = _cells(one)
        shown = outcome if outcome == PASSED else f"**{outcome}**"
        cells = (gate, f"`{file}`", *middle, shown, one.explanation)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def junit(title: str, verdicts: Sequence[Verdict], inconclusive: str) -> str:
    """JUnit XML: a test case for each verdict. One that makes the command fail is a failure; one
    that was skipped, or is inconclusive and may be, is skipped."""
    bad = failing(verdicts, inconclusive)
    skipped = [one for one in verdicts if one not in bad and one.outcome != PASSED]
    suite = ElementTree.Element(
        "testsuite",
        name=f"gate {title}",
        tests=str(len(verdicts)),
        failures=str(len(bad)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for one in verdicts:
        name = f"{one.file} in {one.runtime}" if one.runtime else one.file
        case = ElementTree.SubElement(suite, "testcase", classname=f"gate.{one.gate}", name=name)
        text = "; ".join(part for part in (one.found, one.limit, one.explanation) if part)
        if one in bad:
            ElementTree.SubElement(case, "failure", type=one.outcome, message=text).text = text
        elif one in skipped:
            ElementTree.SubElement(case, "skipped", message=f"{one.outcome}: {text}")
        else:
            ElementTree.SubElement(case, "system-out").text = text
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    return ElementTree.tostring(whole, encoding="unicode", xml_declaration=True) + "\n"


def check_writable(name: str, path: str) -> None:
    """RequestError, ahead of all measuring, where ``path`` cannot be a file; "" is none."""
    if path and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        raise RequestError(f"{name} is {path!r}; expected a file in an existing folder")


def write(path: str, text: str) -> None:
    """``text`` into the file at ``path``; "" is none. RequestError where it cannot be written."""
    if not path:
        return
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise RequestError(f"cannot write {path}: {error}; name another file") from error
