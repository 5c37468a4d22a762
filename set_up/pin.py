"""Writes the newest versions that go together under this Python: ``make constraints``.

They go into ``constraints/VERSION.txt``, and those of all versions into ``[tool.uv]`` of
``pyproject.toml``, where uv looks for them. Names and versions only: where from, pip's own settings
say.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
FOLDER = PROJECT / "constraints"
OWN = "mobilenet-deploy"
UV = re.compile(r"^constraint-dependencies = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)


def newest() -> dict[str, str]:
    """Each package that pip would install into an empty environment, to its version."""
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    words += ["--no-input", "--report", "-", f"{PROJECT}[test]"]
    report = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    found = [package["metadata"] for package in report["install"]]
    return {_plain(one["name"]): one["version"] for one in found if one["name"] != OWN}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: Path) -> dict[str, str]:
    """The versions in a constraints file, by package."""
    return dict(line.split("==") for line in file.read_text().splitlines())


def uv_constraints(folder: Path) -> str:
    """The entry of ``[tool.uv]``: a version that only some Pythons have carries a marker."""
    pins = {file.stem: pinned(file) for file in sorted(folder.glob("*.txt"))}
    entries = []
    for name in sorted(set().union(*pins.values())):
        pythons: dict[str, list[str]] = {}
        for python, found in pins.items():
            if name in found:
                pythons.setdefault(found[name], []).append(python)
        for version, where in pythons.items():
            marker = " or ".join(f"python_version == '{one}'" for one in where)
            everywhere = len(where) == len(pins)
            entries.append(f"{name}=={version}" + ("" if everywhere else f"; {marker}"))
    return "constraint-dependencies = [\n" + "".join(f'    "{one}",\n' for one in entries) + "]\n"


def main() -> int:
    """Pin for this Python; the exit code."""
    file = FOLDER / "{}.{}.txt".format(*sys.version_info)
    found = newest()
    file.write_text("".join(f"{name}=={found[name]}\n" for name in sorted(found)))
    settings = PROJECT / "pyproject.toml"
    settings.write_text(UV.sub(lambda _: uv_constraints(FOLDER), settings.read_text()))
    print(f"{file.relative_to(PROJECT)}: {len(found)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
