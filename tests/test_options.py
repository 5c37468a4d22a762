"""Options of our commands: known by their whole names, and the nearest one named for another."""

import tomllib

import pytest
from commands import ROOT, run

from bench.__main__ import main as bench
from models.command_line import options
from models.command_line.errors import RequestError


def refusal(*words):
    with pytest.raises(RequestError) as caught:
        options.parser("python -m export", "").parse_args(words)
    line = str(caught.value)
    assert "\n" not in line and line.endswith("; run python -m export --help")
    return line


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--arhc", "--arch"), ("--N_CALIB", "--n-calib"), ("--dta", "--data"),
        ("-model", "--model"), ("--keep_float", "--keep-float"), ("--weight=x", "--weights"),
    ],
)  # fmt: skip
def test_the_nearest_option_is_named(given, meant):
    assert f"{given.split('=')[0]} is no option; did you mean {meant}?" in refusal(given, "v1")


def test_what_is_near_to_nothing_is_only_refused():
    assert refusal("--colour-of-the-sky", "1").startswith("--colour-of-the-sky is no option; run ")
    assert refusal("v1").startswith("'v1' is no option; run ")


@pytest.mark.parametrize("short", ["--arc", "--dat", "--schem", "--a"])
def test_the_beginning_of_a_name_is_not_the_name(short):
    assert refusal(short, "v1").startswith(f"{short} is no option")


def test_commands_of_bench_refuse_likewise(capsys):
    assert bench(["run", "--runtime", "litert"]) == 2
    assert "--runtime is no option; did you mean --runtimes?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("export",), ("quantize",), ("bench",), ("bench", "run")])
def test_every_command_says_its_version(words):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    done = run(*words, "--version", cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, f"{project['name']} {project['version']}\n")
