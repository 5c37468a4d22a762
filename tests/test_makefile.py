"""Variables after ``make`` reach our commands unchanged, and unknown ones do not pass."""

import os
import re
import shutil
import subprocess
import venv
from dataclasses import fields

import pytest
from commands import ROOT

from bench.engine.measure_options import MeasureOptions
from models.command_line.options import Options
from models.networks.registry import ARCHITECTURES

# As a shell starts make: under another make, the variables may be that one's.
ALONE = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def make(*words, **more):
    return subprocess.run(
        ["make", *words], cwd=ROOT, env={**ALONE, **more}, capture_output=True, text=True
    )


def refusal(*words, **more):
    """The one line by which make refuses ``words`` before it runs anything."""
    done = make(*words, **more)
    assert done.returncode == 2 and done.stdout == "", done.stdout
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("Makefile:")
    return done.stderr


def command_of(target, *variables, **environment):
    """The arguments that ``make target`` would run our program with, as a shell splits them."""
    done = make("-n", "-o", ".venv/ready", target, *variables, **environment)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if " -m " in line)
    _, arguments = line.split(" ", 1)
    printed = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {arguments}"], cwd=ROOT, capture_output=True, text=True
    )
    assert printed.returncode == 0, printed.stderr
    words = printed.stdout.splitlines()
    start = words.index("-m")  # after the program, and what it may be started by
    assert words[start - 1] == "-I"
    return words[start:]


def test_nothing_given_means_nothing_passed():
    assert command_of("export") == ["-m", "export"]


def test_each_variable_becomes_its_option():
    names = [option.name for table in (Options, MeasureOptions) for option in fields(table)]
    wanted = [word for name in names for word in ("--" + name.replace("_", "-"), f"a {name}")]
    given = [f"{name.upper()}=a {name}" for name in names]
    assert command_of("bench", *given) == ["-m", "bench", "run", *wanted]


def test_what_is_meant_for_another_python_does_not_reach_this_one(tmp_path):
    """As in a shell that a ROS has set up."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nenv | grep "^PYTHON.*={tmp_path}" || echo nothing\n')
    python.chmod(0o755)
    names = ("PYTHONPATH", "PYTHONHOME", "PYTHONIOENCODING", "PYTHONSTARTUP", "PYTHONUSERBASE")
    given = dict.fromkeys(names, str(tmp_path))
    done = make("-o", f"{tmp_path}/ready", "list", f"VENV={tmp_path}", **given)
    assert done.stdout == "nothing\n", done.stdout + done.stderr


def test_a_summary_takes_the_variables_of_an_export_and_a_network_to_compare_with():
    assert command_of("summary", "ARCH=v2", "VS=v1") == [
        "-m", "bench", "summary", "--arch", "v2", "--vs", "v1"
    ]  # fmt: skip


def test_a_device_is_cleaned_by_name():
    assert command_of("device-clean", "DEVICE=my pi") == [
        "-m", "bench", "device-clean", "--device", "my pi"
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["two words", "it's", "a;b", "$HOME", "`x`", 'say "hi"', "*"])
def test_values_that_mean_something_to_a_shell_arrive_as_they_are(value):
    assert command_of("export", f"MODEL={value}") == ["-m", "export", "--model", value]


RUNS = "$(shell touch {file})$$(touch {file})`touch {file}`';touch {file};'"
VALUES = ["photos$test", "$$x", "$(HOME)", "${HOME}", "$(info x)", "a#b", "a=b", "%", "\\", RUNS]


@pytest.mark.parametrize("place", ["command line", "environment"])
@pytest.mark.parametrize("value", VALUES)
def test_make_expands_no_value_wherever_it_is_given(tmp_path, value, place):
    """A workflow may pass the name of a branch, which anybody chooses."""
    value = value.format(file=tmp_path / "run") if value is RUNS else value
    words = [] if place == "environment" else [f"DATA={value}"]
    more = {"DATA": value} if place == "environment" else {}
    assert command_of("export", *words, **more) == ["-m", "export", "--data", value]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "methods"),
    [
        ([], "auto,distillation"),
        (["METHODS=min-max"], "min-max,distillation"),
        (["RUNGS=min-max,equalization"], "min-max,equalization,distillation"),
    ],
)
def test_make_distill_is_an_export_whose_last_method_trains(words, methods):
    found = command_of("distill", "TRAIN=my photos", *words)
    assert found == ["-m", "export", "--train", "my photos", "--methods", methods]


@pytest.mark.parametrize(
    "target", ["export", "distill", "bench", "show", "test", "setup", "clean", "lint"]
)
@pytest.mark.parametrize("place", ["command line", "environment"])
def test_no_variable_of_any_target_runs_anything(tmp_path, target, place):
    """The recipes run here: in a copy of the Makefile, with a program in place of Python."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    value = RUNS.format(file=tmp_path / "run")
    taken = subprocess.run(
        ["make", "-f", "-", "taken"], input=(ROOT / "Makefile").read_text()
        + f"\ntaken:\n\t@echo $(filter-out $(OF_MAKE),$(EVERY_TARGET) $(TAKES_{target}))\n",
        cwd=ROOT, env=ALONE, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert "DEBUG" in taken and "VENV" in taken
    for name in taken:
        words = [] if place == "environment" else [f"{name}={value}"]
        environment = {**ALONE, **({name: value} if place == "environment" else {})}
        command = ["make", "-o", ".venv/ready", "-o", f"{value}/ready", target, *words]
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60)
        assert not (tmp_path / "run").exists(), name


def test_a_variable_that_make_refuses_is_not_expanded_either(tmp_path):
    """Those of the Makefile itself among them, and one of the environment that looks like them."""
    value = RUNS.format(file=tmp_path / "run")
    text = (ROOT / "Makefile").read_text()
    names = set(re.findall(r"^(?:override )?(?:define )?([\w-]+)(?: [:?]?=|$)", text, re.M))
    names -= {"endef", "else", "endif"}
    assert {"OPTIONS", "TAKES_export", "KNOWN", "LINE_BREAK", "quoted", "RUN", "WORDS"} <= names
    for name in sorted(names - {"PYTHON", "VENV", "ABI"} | {"COLOUR", "TAKES_colour"}):
        assert "no variable of make here" in refusal("list", f"{name}={value}"), name
        make("-n", "list", **{name: value})
        assert not (tmp_path / "run").exists(), name


def test_what_is_handed_on_to_children_is_the_value(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s|%s|" "$DEBUG" "$DATA"\n')
    python.chmod(0o755)
    for words, more in ((["DEBUG=1", "DATA=a$b"], {}), ([], {"DEBUG": "1", "DATA": "a$b"})):
        done = subprocess.run(
            ["make", "-o", ".venv/ready", "export", *words], cwd=tmp_path, env={**ALONE, **more},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.stdout == "1|a$b|", done.stderr


@pytest.mark.parametrize("more", [{}, {"DATA": "a\ntouch x"}])
def test_a_line_break_in_a_value_is_refused(more):
    line = refusal("export", *([] if more else ["DATA=a\ntouch x"]), **more)
    assert "DATA has a line break; expected one line" in line


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ARHC", "ARCH"), ("arch", "ARCH"), ("MODLE", "MODEL"), ("SCALES", "SCALE"),
        ("WEIGTHS", "WEIGHTS"), ("N-CALIB", "N_CALIB"), ("KEEPFLOAT", "KEEP_FLOAT"),
        ("DEVICES", "DEVICE"), ("X", None), ("OPTIONS", None), ("V", None),
        ("COLOUR_OF_THE_SKY", None),
    ],
)  # fmt: skip
def test_a_mistyped_variable_is_refused_and_the_nearest_named(given, meant):
    line = refusal("export", f"{given}=v1")
    assert f"*** {given} is no variable of make here; " in line
    assert f"did you mean {meant}? " in line if meant else "did you mean" not in line


def test_a_variable_that_the_target_would_ignore_is_refused_with_those_that_take_it():
    assert "make gate does not take RUNS; targets that do: baseline." in refusal("gate", "RUNS=3")
    assert "make help does not take ARCH; targets that do: " in refusal("ARCH=v2")
    assert "make list does not take ARCH" in refusal("list", "ARCH=v2")
    assert make("-n", "export", "bench", "PLAN=quick").returncode == 0


def test_every_target_takes_what_set_up_takes(tmp_path):
    for target in ("help", "export", "lint", "clean", "native"):
        done = make("-n", target, f"VENV={tmp_path}", "PYTHON=python3.12")
        assert done.returncode == 0, done.stderr
    assert make("-n", "-j2", "test", "PYTEST=tests/test_x.py").returncode == 0


def test_each_variable_is_taken_by_the_target_that_uses_it():
    """Of every target that hands variables on, each one it names."""
    text = (ROOT / "Makefile").read_text()
    recipes = re.findall(
        r"^([\w-]+): \$\(READY\)\n((?:\t.*\n|ifdef.*\n|else\n|endif\n)+)", text, re.M
    )
    assert len(recipes) > 10
    for target, recipe in recipes:
        used = re.findall(r"call (?:arguments|positional),([A-Z_]+)\)", recipe)
        for name in used:
            group = re.search(rf"^(?:override )?{name} := (.*?[^\\])$", text, re.M | re.S)
            words = re.sub(r"\$\([A-Z_]+\)|\\", " ", group[1]).split() if group else [name]
            done = make("-n", "-o", ".venv/ready", target, *(f"{word}=1" for word in words))
            assert done.returncode == 0, done.stderr


def test_variables_of_the_environment_and_of_a_calling_make_are_not_judged():
    assert make("-n", "lint", ARHC="v1").returncode == 0
    assert make("-n", "lint", MAKELEVEL="1", MAKEFLAGS=" -- ARHC=v1").returncode == 0


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


def test_make_can_be_run_in_a_folder_of_the_users(tmp_path):
    words = ["make", "-n", "-f", ROOT / "Makefile", "-o", ROOT / ".venv" / "ready", "list"]
    done = subprocess.run(words, cwd=tmp_path, env=ALONE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"'{ROOT}/.venv/bin/python' -I -m bench list" in done.stdout


def test_a_makefile_in_a_folder_with_spaces_says_how_to(tmp_path):
    shutil.copytree(ROOT / "set_up", tmp_path / "my folder" / "set_up")
    shutil.copy(ROOT / "Makefile", tmp_path / "my folder")
    words = ["make", "-f", tmp_path / "my folder" / "Makefile", "list"]
    done = subprocess.run(words, cwd=tmp_path, env=ALONE, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "expected make -C folder" in done.stderr


def test_ctrl_c_while_python_starts_shows_no_traceback(tmp_path):
    """It is sent from what Python loads before anything of ours."""
    blocked = ["env", "--block-signal=INT", "true"]
    if subprocess.run(blocked, capture_output=True).returncode:
        pytest.skip("this env cannot hold a signal back")
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (packages / "ours.pth").write_text(f"{ROOT}\n")
    (packages / "zz.pth").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)\n")
    done = make("-s", "-o", f"{tmp_path}/venv/ready", f"VENV={tmp_path}/venv", "list")
    assert done.returncode and "Traceback" not in done.stderr
    assert "KeyboardInterrupt" not in done.stderr and "error: " not in done.stderr
