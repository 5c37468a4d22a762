"""README.md and docs/: their commands exist, and the outputs they show are what is printed."""

import importlib.util
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from bench.engine.measure_options import MeasureOptions
from models.command_line.options import Options

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAX_README_LINES = 200
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
MAKE = re.compile(r"^ {4}(make(?: .*)?)$|^\$ (make(?: .*)?)$", re.MULTILINE)
FIGURE = re.compile(r"[-+±]?\d[\d,.:T]*(?:e[-+]?\d+)?")
HEADING = re.compile(r"(file|id|gate) {2,}\S")  # the first column of tables whose rows are timed
PASSING = ("warning", "note")  # lines that depend on the machine's mood


def _regenerate():
    spec = importlib.util.spec_from_file_location("regenerate", ROOT / "docs" / "regenerate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


regenerate = _regenerate()


def pages(names=PAGES):
    return pytest.mark.parametrize("page", names, ids=lambda path: path.name)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


@pages()
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        assert (page.parent / link).exists(), link


def commands(page):
    """Every ``make`` line that ``page`` shows, without its comment."""
    for indented, prompted in MAKE.findall(page.read_text()):
        yield (indented or prompted).split(" #")[0].strip()


@pages()
def test_make_has_every_target_and_takes_every_variable_that_is_shown(page, tmp_path):
    known = (ROOT / "Makefile").read_text()
    for command in commands(page):
        words = [*command.split(), "-n", f"VENV={tmp_path}"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        for name in re.findall(r"\b([A-Z_]+)=", command):
            assert re.search(rf"\b{name}\b", known), f"{command}: the Makefile has no {name}"


@pages()
def test_modules_that_are_run_exist(page):
    for name in re.findall(r"-m\s+((?:models|quantize|export|bench)[\w.]*)", page.read_text()):
        place = ROOT.joinpath(*name.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), name


@pages()
def test_commands_that_are_run_exist(page):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in re.findall(r"\.venv/bin/([\w-]+)", page.read_text()):
        assert name in ("python", *project["scripts"]), name


def test_each_threat_has_a_test():
    rows = re.findall(r"^\| .*\|$", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    threats = [
        row for row in rows if row.count("|") == 5 and not row.startswith(("| ---", "| what |"))
    ]
    assert threats
    for row in threats:
        tests = re.findall(r"`(test_\w+\.py)`", row)
        assert tests and all((ROOT / "tests" / name).is_file() for name in tests), row


def test_the_reference_has_every_variable():
    named = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "reference.md").read_text()))
    options = {
        option.name.upper() for table in (Options, MeasureOptions) for option in fields(table)
    }
    assert options <= named, options - named


def test_tables_fit_a_terminal():
    for page in PAGES:
        for block in regenerate.blocks(str(page.relative_to(ROOT))):
            for _, lines in block.commands:
                for line in lines:
                    assert len(line) <= 100 or not re.search(r"\S {2,}\S", line), line


def without_figures(lines):
    """Lines as they are to be again, less what differs from run to run: figures, widths of columns,
    and tflite-runtime, which newer Pythons lack."""
    kept = [line.replace(", tflite-runtime", "") for line in lines if not line.startswith(PASSING)]
    return [" ".join(FIGURE.sub("#", line).replace("%", "").split()) for line in kept]


def headings(lines):
    """The commands among ``lines``, and the headings of the tables that they print."""
    kept = [line for line in lines if line.startswith(regenerate.PROMPT) or HEADING.match(line)]
    return [" ".join(line.split()) for line in kept]


@pytest.mark.parametrize("page", regenerate.PAGES)
def test_blocks_that_are_timed_have_headings_to_compare(page):
    for block in regenerate.blocks(page):
        if "timed" in block.words:
            lines = (ROOT / page).read_text().splitlines()[block.first : block.end]
            assert len(headings(lines)) > len(block.commands), block


RUN = [
    block
    for page in regenerate.PAGES
    for block in regenerate.blocks(page)
    if regenerate.is_run(block, slow=False)
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """An empty copy of the project, in which the pages' commands run in order."""
    return regenerate.empty_copy(tmp_path_factory.mktemp("docs"))


@pytest.mark.slow
@pytest.mark.parametrize("block", RUN, ids=lambda block: f"{block.page}:{block.first}")
def test_outputs_are_what_is_printed(block, project):
    stands = (ROOT / block.page).read_text().splitlines()[block.first : block.end]
    compared = headings if "timed" in block.words else without_figures
    assert compared(stands) == compared(regenerate.shown(block, project))
