"""Variables after ``make`` reach our commands unchanged."""

import re
import shutil
import subprocess
from dataclasses import fields

import pytest
from commands import ROOT

from bench.engine.measure_options import MeasureOptions
from models.command_line.options import Options
from models.networks.registry import ARCHITECTURES


def command_of(target, *variables):
    """The arguments that ``make target`` would run our program with, as a shell splits them."""
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/ready", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if " -m " in line)
    _, arguments = line.split(" ", 1)
    printed = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {arguments}"], cwd=ROOT, capture_output=True, text=True
    )
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.splitlines()


def test_nothing_given_means_nothing_passed():
    assert command_of("export") == ["-m", "export"]


def test_each_variable_becomes_its_option():
    names = [option.name for table in (Options, MeasureOptions) for option in fields(table)]
    wanted = [word for name in names for word in ("--" + name.replace("_", "-"), f"a {name}")]
    given = [f"{name.upper()}=a {name}" for name in names]
    assert command_of("bench", *given) == ["-m", "bench", "run", *wanted]


def test_a_summary_takes_the_variables_of_an_export_and_a_network_to_compare_with():
    assert command_of("summary", "ARCH=v2", "VS=v1") == [
        "-m", "bench", "summary", "--arch", "v2", "--vs", "v1"
    ]  # fmt: skip


def test_a_device_is_cleaned_by_name():
    assert command_of("device-clean", "DEVICE=my pi") == [
        "-m", "bench", "device-clean", "--device", "my pi"
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["two words", "it's", "a;b", "$$HOME", "`x`", 'say "hi"', "*"])
def test_values_that_mean_something_to_a_shell_arrive_as_they_are(value):
    got = command_of("export", f"MODEL={value}")
    assert got == ["-m", "export", "--model", value.replace("$$", "$")]


def test_make_alone_names_targets_and_variables():
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    for word in ("make export", "make bench", "make gate", "make summary", "ARCH", "SPLIT", "VS"):
        assert word in done.stdout


@pytest.mark.parametrize("place", ["Makefile", "docs/reference.md", "docs/models.md"])
def test_every_network_is_named(place):
    words = set(re.split(r"[^\w.-]+", (ROOT / place).read_text()))
    assert not ARCHITECTURES.keys() - words


def test_clean_keeps_what_was_measured_and_distclean_says_what_it_takes(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".venv", "artifacts", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "devices.toml").touch()

    def left_after(target):
        done = subprocess.run(["make", target], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {file.name for file in tmp_path.iterdir()} - {"Makefile"}, done.stdout

    assert left_after("clean")[0] == {"artifacts", "results", "devices.toml"}
    left, output = left_after("distclean")
    assert left == {"devices.toml"}  # written by hand
    assert "removed artifacts/\nremoved results/\n" in output
