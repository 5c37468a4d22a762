"""How a program on a device ended, told by whichever timeout the device has."""

import subprocess

import pytest
from phone_shell import phone_shell

from bench.remote.piped import HAS_TIMEOUT, within

# toybox's timeout alone is wrong about most programs that end at once.
TIMES = 60


@pytest.fixture(params=["of a phone", "of this machine"])
def shell(request, tmp_path):
    return phone_shell(tmp_path) if request.param == "of a phone" else ("sh",)


def ended(shell, within_s, *argv, **options):
    words = [*shell, "-c", '"$@"', "sh", *within(within_s, argv)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, **options)


def test_a_timeout_is_found_where_there_is_one(shell):
    for _ in range(TIMES):
        done = subprocess.run([*shell, "-c", HAS_TIMEOUT], capture_output=True, text=True)
        assert done.stdout in ("0\n", "127\n")
    words = ["/bin/sh", "-c", HAS_TIMEOUT]
    done = subprocess.run(words, capture_output=True, text=True, env={"PATH": "/nowhere"})
    assert done.stdout not in ("0\n", "127\n")


def test_a_program_that_ends_at_once_is_told_of_as_it_ended(shell):
    ended_with = [ended(shell, 30, "sh", "-c", "exit 3").returncode for _ in range(TIMES)]
    assert set(ended_with) == {3}
    assert {ended(shell, 30, "true").returncode for _ in range(TIMES)} == {0}


def test_a_program_that_takes_too_long_is_ended(shell):
    for _ in range(5):
        assert ended(shell, 1, "sleep", "600").returncode == 124


def test_its_words_input_and_output_are_its_own(shell):
    done = ended(shell, 30, "sh", "-c", 'cat; printf "%s," "$@"', "sh", "a b", "$x", "", input="in")
    assert (done.stdout, done.stderr, done.returncode) == ("ina b,$x,,", "", 0)
    lost = ended(shell, 30, "no-such program")
    assert lost.returncode == 127 and "no-such program" in lost.stderr
