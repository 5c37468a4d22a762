"""What a user types after make reaches our commands unchanged."""

import shlex
import subprocess

import pytest
from commands import ROOT


def command_of(target, *variables):
    """The arguments that ``make target`` would run our program with."""
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/ready", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if " -m " in line)
    return shlex.split(line)[1:]


def test_nothing_given_means_nothing_passed():
    assert command_of("export") == ["-m", "export"]


def test_each_variable_becomes_its_option():
    assert command_of("bench", "ARCH=v1", "N_CALIB=64", "SKIP_CORRUPT=1") == [
        "-m", "bench", "run", "--arch", "v1", "--n-calib", "64", "--skip-corrupt", "1",
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["two words", "it's", "a;b", "$$HOME", "`x`", 'say "hi"', "*"])
def test_values_that_mean_something_to_a_shell_arrive_as_they_are(value):
    got = command_of("export", f"MODEL={value}")
    assert got == ["-m", "export", "--model", value.replace("$$", "$")]


def test_make_alone_names_targets_and_variables():
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    for word in ("make export", "make bench", "make gate", "ARCH", "WEIGHTS", "CALIB", "v3-small"):
        assert word in done.stdout
