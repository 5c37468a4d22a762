"""What the gates say, for a person, for a CI server (JUnit XML) and for a pull request."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from bench.gates.verdict import PASSED, Row, counts, failing
from models.command_line.errors import RequestError

COLUMNS = ("gate", "file", "runtime", "found", "limit", "verdict")


def table(rows: Sequence[Row]) -> str:
    """Columns as wide as they need to be; the detail at the end of each line."""
    lines = [COLUMNS, *([getattr(row, name) for name in COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    details = ["", *(row.detail for row in rows)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(line, widths, strict=True)), detail]).rstrip()
        for line, detail in zip(lines, details, strict=True)
    )


def markdown(title: str, rows: Sequence[Row], cannot_tell: str) -> str:
    """A heading, how many rows have which verdict, and a table with what failed first."""
    bad = failing(rows, cannot_tell)
    ordered = [*bad, *(row for row in rows if row not in bad)]
    lines = [
        f"### {'Gate failed' if bad else 'Gate passed'}: {title}",
        "",
        counts(rows),
        "",
        "| " + " | ".join((*COLUMNS, "detail")) + " |",
        "|" + " --- |" * (len(COLUMNS) + 1),
    ]
    for row in ordered:
        verdict = row.verdict if row.verdict == PASSED else f"**{row.verdict}**"
        cells = (row.gate, f"`{row.file}`", row.runtime, row.found, row.limit, verdict, row.detail)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def junit(title: str, rows: Sequence[Row], cannot_tell: str) -> str:
    """JUnit XML: a test case a row; what makes the command fail is a failure, what could not be
    compared, or not be told and need not be, is skipped."""
    bad = failing(rows, cannot_tell)
    skipped = [row for row in rows if row not in bad and row.verdict != PASSED]
    suite = ElementTree.Element(
        "testsuite",
        name=f"gate {title}",
        tests=str(len(rows)),
        failures=str(len(bad)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for row in rows:
        name = f"{row.file} in {row.runtime}" if row.runtime else row.file
        case = ElementTree.SubElement(suite, "testcase", classname=f"gate.{row.gate}", name=name)
        said = "; ".join(part for part in (row.found, row.limit, row.detail) if part)
        if row in bad:
            ElementTree.SubElement(case, "failure", type=row.verdict, message=said).text = said
        elif row in skipped:
            ElementTree.SubElement(case, "skipped", message=f"{row.verdict}: {said}")
        else:
            ElementTree.SubElement(case, "system-out").text = said
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    return ElementTree.tostring(whole, encoding="unicode", xml_declaration=True) + "\n"


def check_writable(name: str, path: str) -> None:
    """RequestError, ahead of all measuring, where ``path`` cannot be a file; "" is none."""
    if path and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        raise RequestError(f"{name} is {path!r}; expected a file in a folder that is there")


def write(path: str, text: str) -> None:
    """``text`` into the file at ``path``; "" is none. RequestError where it cannot be written."""
    if not path:
        return
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise RequestError(f"cannot write {path}: {error}; name another file") from error
