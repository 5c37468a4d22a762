"""The shape that the code keeps: one-way imports, and nothing slow on import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from bench.devices.runner_archive import PACKED

ROOT = Path(__file__).parent.parent
ORDER = ["models", "quantize", "export", "bench"]
SLOW = {
    "tensorflow", "keras", "onnx", "onnxruntime", "tf2onnx", "PIL", "litert_quantizer",
    "ai_edge_litert", "tflite_runtime", "plotly", "jinja2", "scipy",
}  # fmt: skip
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for package in ORDER
    for file in sorted((ROOT / package).rglob("*.py"))
    if file.stem != "__init__"
]


def imported_by(file: Path):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


TOP = ""  # the files of a package that are in no folder
FOLDERS = {  # of each package, lowest first; those in one place do not know each other
    "models": [
        ["scratch"], ["command_line"], ["untrusted_files"], ["networks"],
        ["data", "keras_files", "weights"], ["model_files"], ["onnx_files", "tflite_files"], [TOP],
        ["training"],
    ],
    "quantize": [
        ["runtime"], ["graph"], ["ranges"], ["passes", "simulation"],
        ["evaluate", "schemes", "training"], ["methods"], ["report"], [TOP],
    ],
    "export": [["onnx"], [TOP]],
    "bench": [
        ["measurement", "on_device"], ["console"], ["devices", "history"], ["engine", "report"],
        ["cost", "explain", "gates"], ["run", "studies"], [TOP],
    ],
}  # fmt: skip


def folder_of(module: str) -> str:
    """The folder of a package that ``module`` is in, or is."""
    _, *rest = module.split(".")
    package = ROOT / module.split(".")[0]
    return rest[0] if rest and (package / rest[0]).is_dir() else TOP


def imports_going_up(package: str) -> set[tuple[str, str]]:
    """Imports by a folder of ``package`` of one beside it or above, as file and module."""
    storey = {folder: n for n, storey in enumerate(FOLDERS[package]) for folder in storey}
    found = set()
    for file in (ROOT / package).rglob("*.py"):
        path = file.relative_to(ROOT)
        here = folder_of(".".join(path.with_suffix("").parts))
        for module in modules_imported_by(file):
            imported = folder_of(module)
            own = module.split(".")[0] == package
            if own and imported != here and storey[imported] >= storey[here]:
                found.add((path.as_posix(), module))
    return found


def modules_imported_by(file: Path):
    """As ``imported_by``, with folders and files that are imported from a folder by their name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            place = ROOT.joinpath(*node.module.split("."))
            for alias in node.names:
                inside = (place / alias.name).is_dir() or (place / f"{alias.name}.py").is_file()
                yield f"{node.module}.{alias.name}" if inside else node.module


@pytest.mark.parametrize("package", ORDER)
def test_every_folder_has_its_place(package):
    folders = {file.parent.name for file in (ROOT / package).glob("*/*.py")}
    placed = [folder for storey in FOLDERS[package] for folder in storey]
    assert sorted(placed) == sorted({*folders, TOP})


@pytest.mark.parametrize("package", ORDER)
def test_folders_import_only_what_is_below_them(package):
    assert imports_going_up(package) == set()


def test_nothing_here_imports_what_runs_on_a_device():
    for file in (ROOT / "bench").rglob("*.py"):
        if file.is_relative_to(ROOT / "bench" / "on_device"):
            continue
        for module in modules_imported_by(file):
            assert not module.startswith("bench.on_device"), f"{file.name} imports {module}"


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_what_is_below_them(package):
    above = set(ORDER[ORDER.index(package) + 1 :])
    for file in (ROOT / package).rglob("*.py"):
        wrong = [name for name in imported_by(file) if name.split(".")[0] in above]
        assert not wrong, f"{file.name} imports {wrong}"


def test_bench_takes_only_the_artifact_type_from_export():
    for file in (ROOT / "bench").rglob("*.py"):
        for name in imported_by(file):
            assert name.split(".")[0] != "export" or name == "export.artifact", file.name


def test_the_runner_imports_nothing_of_ours_but_what_is_packed_with_it():
    packed = [folder.replace("/", ".") for folder in PACKED]
    assert packed == ["bench.on_device", "models.scratch", "quantize.runtime"]
    for file in [file for folder in PACKED for file in (ROOT / folder).glob("*.py")]:
        own = [name for name in imported_by(file) if name.split(".")[0] in ORDER]
        wrong = [name for name in own if name.rpartition(".")[0] not in packed]
        assert not wrong, f"{file.name} imports {wrong}"
        # Python starts the folder as it is: no file may hide a module of the standard library.
        assert file.stem not in sys.stdlib_module_names or file.stem == "__main__", file.name


def test_the_runtimes_below_everything_import_nothing_of_ours_above_them():
    for file in (ROOT / "quantize" / "runtime").glob("*.py"):
        for name in imported_by(file):
            assert name.split(".")[0] not in ORDER or name.startswith("quantize.runtime."), name


def test_importing_any_module_loads_nothing_slow():
    code = (
        f"import importlib, sys\nfor name in {MODULES}: importlib.import_module(name)\n"
        f"print(sorted({SLOW} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
