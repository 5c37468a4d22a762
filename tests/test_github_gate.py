"""The example workflow: its lines are commands that there are, and work one after the other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, environment
from tiny_models import write_export, write_images

import export.__main__ as export_command
from bench.__main__ import main

WORKFLOW = ROOT / "docs" / "ci" / "github-gate.yml"


def run_lines():
    """The commands of the steps, in order; each is one line."""
    found = re.findall(r"^ +run: (.+)$", WORKFLOW.read_text(), re.MULTILINE)
    assert found and "|" not in found
    return found


def names():
    """The variables that the workflow sets for its commands."""
    block = WORKFLOW.read_text().split("\nenv:\n")[1].split("\njobs:")[0]
    pairs = (line.split("#")[0].split(":", 1) for line in block.splitlines())
    return {name.strip(): value.strip() for name, value in pairs}


def shell(line, **more):
    env = {**environment(), **names(), "BIN": str(Path(sys.executable).parent), **more}
    return subprocess.run(["bash", "-e", "-c", line], env=env, capture_output=True, text=True)


def test_the_commands_come_in_this_order():
    found = [re.search(r"^\$BIN/mobilenet-(\w+(?: baseline)?)", line) for line in run_lines()]
    assert [each.group(1) for each in found if each] == [
        "export",
        "bench baseline",
        "export",
        "gate",
    ]
    assert run_lines()[0] == "make -C mobilenet-deploy setup"
    assert "setup:" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("line", [line for line in run_lines() if "mobilenet-export" in line])
def test_export_knows_the_options_it_is_given(line, capsys, monkeypatch, tmp_path):
    """Words that it does not know end in exit code 2 before the model is looked for."""
    monkeypatch.chdir(tmp_path)
    words = line.split("mobilenet-export ")[1].replace('"', "").replace("$", "").split()
    assert export_command.main(words) == 2
    output = capsys.readouterr().err
    assert "MODEL" in output and "--help" not in output
    assert main(["gate", "--no-such"]) == 2 and "--help" in capsys.readouterr().err


@pytest.mark.slow
def test_the_steps_after_the_export_work_on_a_tiny_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = names()
    write_export(tmp_path / "artifacts", "model", formats=("tflite",))
    for model in ("base", "."):
        (tmp_path / model).mkdir(exist_ok=True)
        (tmp_path / model / values["MODEL"]).touch()
    (tmp_path / "gate.toml").write_text(
        "[latency]\nmax_slowdown_percent = 5\n[size]\nmax_ratio = 9\n[accuracy]\n"
        "max_drop_points = 90\n"
    )
    write_images(tmp_path / "data.npz")
    for name in ("export", "bench", "models", "quantize"):  # files of the repository itself
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')")
    summary = tmp_path / "summary.md"
    more = {"DATA": "data.npz", "GITHUB_STEP_SUMMARY": str(summary)}
    steps = [
        line for line in run_lines() if "make -C" not in line and "mobilenet-export" not in line
    ]
    for line in steps:
        done = shell(line.replace("--runs 7", "--runs 3"), **more)
        assert done.returncode == 0, done.stderr
    assert summary.read_text().startswith("### Gate passed: model on host")
    assert "unchanged" in summary.read_text() and os.path.getsize("gate.xml")
