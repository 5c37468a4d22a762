"""The commands that messages advise are run: they exist, and they ask for what the user asked for.

The messages are those of real commands on a tiny network; ``make -n`` shows what a line would run.
"""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench_runs import QUICK
from commands import ROOT, environment
from tiny_models import write_export, write_images

from bench.__main__ import COMMANDS, main
from bench.history.history import History
from bench.measurement.plan import PLANS
from models.command_line import options
from models.command_line.options import Options

LINE = re.compile(r"make [a-z-]+(?: [A-Z_]+=(?:'[^']*'|[^\s;,:()'\"]+))*")
ACCURACY = "[accuracy]\nmax_drop_points = 1\n"
LATENCY = "[latency]\nmax_slowdown_percent = 5\n"
# In the order of a user's command; the values differ from every default.
USER = ["--model", "my tiny.keras", "--data", "data.npz", "--threads", "1"]
ASKED = Options(model="my tiny.keras", data="data.npz", threads=1)
VENV = Path(sys.executable).parent.parent


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a gate.toml, images and a user's model whose name has to be quoted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PLANS, "gate", QUICK)
    (tmp_path / "gate.toml").write_text(LATENCY)
    (tmp_path / "my tiny.keras").touch()
    write_images(tmp_path / "data.npz")
    return tmp_path


def advised(text):
    """The only make line in ``text``, which advises no other kind of command."""
    assert "python -m" not in text and not re.search(r"\btype\b", text), text
    (line,) = set(LINE.findall(text))
    return line


def make(line, *more):
    """``line`` run by a shell in this folder, as in a folder with our Makefile."""
    words = f"{line} -f {ROOT / 'Makefile'} VENV={VENV} -o {VENV / 'ready'} {' '.join(more)}"
    done = subprocess.run(words, shell=True, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked_for(line):
    """The command that ``line`` would run, and the project's options that it would have."""
    (command,) = [one for one in make(line, "-n").splitlines() if " -I -m " in one]
    words = shlex.split(command)
    module, *words = words[words.index("-m") + 1 :]
    name = words.pop(0) if module == "bench" else module
    parser = options.parser("test", "")
    known, further = parser.parse_known_args(words)
    return name, options.from_namespace(known), further


def refused(capsys, *command):
    assert main([*command, *USER]) == 2
    return advised(capsys.readouterr().err)


def gate_details(capsys):
    main(["gate", "--json", *USER])
    return [row["detail"] for row in json.loads(capsys.readouterr().out)["gates"]]


@pytest.mark.parametrize("command", ["run", "gate", "baseline"])
def test_without_files_the_export_of_the_same_model_is_advised(project, capsys, command):
    name, asked, further = asked_for(refused(capsys, command))
    # An export has nothing to do with the device or its threads.
    assert (name, asked, further) == ("export", replace(ASKED, threads=Options.threads), [])


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"changed")])
def test_for_a_lost_or_changed_file_the_export_is_advised(project, capsys, harm):
    write_export(project / "artifacts", "my-tiny")
    harm(project / "artifacts" / "my-tiny" / "int8.onnx")
    name, asked, _ = asked_for(refused(capsys, "gate"))
    assert (name, asked.model) == ("export", ASKED.model)


def test_without_an_int8_file_the_export_is_advised(project, capsys):
    (project / "gate.toml").write_text(ACCURACY)
    manifest = write_export(project / "artifacts", "my-tiny", formats=("tflite",))
    folder = project / "artifacts" / "my-tiny"
    without = replace(manifest, artifacts=manifest.artifacts[:1])
    (folder / "manifest.json").write_text(without.to_json())
    name, asked, _ = asked_for(refused(capsys, "gate"))
    assert (name, asked.model) == ("export", ASKED.model)


def test_without_a_baseline_the_same_users_baseline_is_advised(project, capsys):
    write_export(project / "artifacts", "my-tiny", formats=("tflite",))
    lines = {advised(detail) for detail in gate_details(capsys)}
    assert [asked_for(line) for line in lines] == [("baseline", ASKED, [])]


def test_a_baseline_of_other_circumstances_is_to_be_made_again(project, capsys):
    """With the plan that the gate had, or the next gate would be refused as well."""
    write_export(project / "artifacts", "my-tiny", formats=("tflite",))
    assert main(["baseline", "--runs", "3", *USER, "--threads", "2"]) == 0
    capsys.readouterr()
    lines = {advised(detail) for detail in gate_details(capsys)}
    assert [asked_for(line) for line in lines] == [("baseline", ASKED, [])]
    main(["gate", "--json", *USER, "--plan", "quick", "--cores", "0"])
    details = [row["detail"] for row in json.loads(capsys.readouterr().out)["gates"]]
    (line,) = {advised(detail) for detail in details}
    assert asked_for(line) == ("baseline", ASKED, ["--plan", "quick", "--cores", "0"])


def test_a_bench_names_the_command_that_shows_its_rows(
    tiny_project, keras_predictions, capsys, monkeypatch
):
    assert main(["run", "--model", "tiny.keras", "--data", "data.npz", "--n-eval", "3"]) == 0
    shown = capsys.readouterr().out
    (line,) = {line for line in LINE.findall(shown) if line.startswith("make show")}
    first = min(record.id for record in History().newest())
    assert line == f"make show ID={first}"
    assert f"run {first}: float32.tflite of tiny" in make(line)
    assert "float32.tflite" in make("make list")
    assert "float32.tflite" in make(f"make compare A={first} B={first + 1}")


def test_an_unknown_option_names_a_command_that_shows_the_known_ones(project, capsys):
    for name in COMMANDS:
        assert main([name, "--bogus"]) == 2
        line = capsys.readouterr().err.strip().split("; run ")[1]
        done = subprocess.run(
            line, shell=True, env=environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0 and "--" in done.stdout, line
