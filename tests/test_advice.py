"""Advice in messages: a make line gives back exactly the request that it was made from."""

import re
import shlex
import subprocess

import pytest
from commands import ROOT

from models.command_line import options
from models.command_line.advice import make_line, options_line
from models.command_line.options import Options


def arguments_of(line):
    """The arguments that the project's command would get if ``line`` were run in a shell."""
    done = subprocess.run(
        f"{line} -n -o .venv/ready", shell=True, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    command = next(line for line in done.stdout.splitlines() if " -m " in line)
    words = shlex.split(command)
    return words[words.index("-m") + 2 :]  # without "python -I -m package"


def parsed(arguments):
    parser = options.parser("test", "")
    return options.from_namespace(parser.parse_args(arguments))


REQUESTS = [
    Options(),
    Options(arch="v3-large", alpha=0.75, res=128, classes=10, weights="random", device="pi4"),
    Options(model="my models/it's $HOME.keras", logits=True, scale=0.5, offset=-1.0, out="a;b"),
    Options(data="photos", calib="other photos", n_calib=64, n_eval=500, threads=4, split=2),
    Options(keep_float="conv1,conv_dw_1", schemes="int16x8", skip_corrupt=True),
]


@pytest.mark.parametrize("asked", REQUESTS)
def test_a_line_that_is_run_asks_for_the_same_again(asked):
    first, *arguments = arguments_of(make_line("baseline", asked))
    assert first == "baseline"
    assert parsed(arguments) == asked


def test_the_architecture_is_named_even_where_it_is_the_default():
    assert make_line("baseline", Options()) == "make baseline ARCH=v2"
    assert make_line("baseline", Options(device="pi4")) == "make baseline ARCH=v2 DEVICE=pi4"


def test_a_users_own_model_goes_without_an_architecture():
    assert make_line("gate", Options(model="a b.keras")) == "make gate MODEL='a b.keras'"


def test_an_export_is_told_nothing_about_measuring():
    asked = Options(device="pi4", threads=4, n_eval=7, out="files")
    assert make_line("export", asked) == "make export ARCH=v2 OUT=files"


def test_further_variables_win_and_none_leaves_one_out():
    asked = Options(threads=4, device="pi4")
    line = make_line("bench", asked, plan="thorough", threads=1, device=None)
    assert line == "make bench ARCH=v2 THREADS=1 PLAN=thorough"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (make_line("show", ID=12), ["show", "12"]),
        (make_line("compare", A=1, B=2), ["compare", "1", "2"]),
        (
            make_line("list", limit=5, model="v2-1-224-demo", kind="gate"),
            ["list", "--limit", "5", "--model", "v2-1-224-demo", "--kind", "gate"],
        ),
    ],
)
def test_the_history_is_asked_through_make(line, command):
    assert arguments_of(line) == command


def test_make_alone_names_every_target():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True).stdout
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    targets -= {"help", "setup", "asked-again", "format"}  # what others need, or do as well
    assert {target for target in targets if f"make {target}" not in listed} == set()


@pytest.mark.parametrize("asked", REQUESTS)
def test_a_line_of_options_asks_for_the_same_again(asked):
    _, *words = shlex.split(options_line("quantize.sensitivity", asked))
    assert words[:2] == ["-m", "quantize.sensitivity"]
    assert parsed(words[2:]) == asked


def test_options_that_do_not_matter_are_left_out():
    line = options_line("quantize.sensitivity", Options(keep_float="conv1", out="x"), "keep_float")
    assert line.endswith("quantize.sensitivity --arch v2 --out x")
