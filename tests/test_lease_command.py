"""Start of a program on a device: its input, output and end are as without the lease."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
from lease_agents import SHELLS, boot_id, shell_words

from bench.devices.free_memory import free_memory_bytes
from bench.devices.lease.lease_command import MIN_MEMORY_KIB, NOT_STARTED_CODE, lease_command

pytestmark = pytest.mark.waits
LIMIT = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"


@pytest.fixture
def cache(tmp_path):
    """A device folder whose lock is acquired."""
    (tmp_path / "running").mkdir()
    return PurePosixPath(tmp_path)


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request, tmp_path_factory):
    return shell_words(request.param, tmp_path_factory.mktemp("phone"))


def run(shell, cache, *argv, name="run", memory_kib=None, **options):
    words = [*shell, *lease_command(cache, name, argv, memory_kib)[1:]]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, **options)


def test_the_programs_input_output_and_exit_code_pass_through(shell, cache):
    source = "import sys; sys.stderr.write('e'); print(sys.stdin.read()[::-1]); sys.exit(7)"
    done = run(shell, cache, sys.executable, "-c", source, input="one\ntwo")
    assert (done.stdout, done.stderr, done.returncode) == ("owt\neno\n", "e", 7)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM])
def test_a_program_ended_by_a_signal_gives_128_and_its_number(shell, cache, number):
    source = f"import os; os.kill(os.getpid(), {int(number)})"
    assert run(shell, cache, sys.executable, "-c", source).returncode == 128 + number


def test_no_word_is_taken_for_shell(shell, tmp_path):
    words = ["two words", "'", '"', "$(touch broken)", "a\nb", "`id`", ";", "*", "-n", "", "\\"]
    cache = tmp_path / 'it\'s $(here) "a"\nb; \\t'
    (cache / "running").mkdir(parents=True)
    source = "import sys; print(sys.argv[1:])"
    done = run(shell, cache, sys.executable, "-c", source, *words, cwd=tmp_path)
    assert done.stdout == f"{words}\n" and os.listdir(tmp_path) == [cache.name]


def test_the_entry_names_session_and_boot_while_the_program_runs(shell, cache):
    source = "import os, sys; print(os.getsid(0), os.readlink(sys.argv[1]), sep=' ')"
    entry = cache / "running" / "run"
    words = run(shell, cache, sys.executable, "-c", source, entry, process_group=0)
    own, session, boot = words.stdout.split()
    assert own == session and boot == boot_id()
    assert os.listdir(cache / "running") == []


def test_nothing_starts_without_the_lock_or_twice_under_one_name(shell, cache, tmp_path):
    (tmp_path / "running" / "run").symlink_to("12 of-another")
    for name in ("run", "nowhere/else"):
        folder = cache if name == "run" else cache / "nowhere"
        done = run(shell, folder, sys.executable, "-c", "print('ran')")
        assert (done.returncode, done.stdout) == (NOT_STARTED_CODE, "")
        assert "not started" in done.stderr.splitlines()[-1]


def test_memory_is_limited_to_most_of_what_is_free(shell, cache):
    limit = int(run(shell, cache, sys.executable, "-c", LIMIT).stdout)
    expected = max(MIN_MEMORY_KIB * 1024, 0.9 * free_memory_bytes())
    assert 0.8 < limit / expected < 1.25


def test_memory_that_is_asked_for_is_the_limit(shell, cache):
    done = run(shell, cache, sys.executable, "-c", LIMIT, memory_kib=700000)
    assert int(done.stdout) == 700000 * 1024


def test_a_limit_that_is_lower_already_stays(shell, cache):
    def lower():
        resource.setrlimit(resource.RLIMIT_DATA, (2**28, 2**28))

    by = shell
    if os.geteuid() == 0:  # who may raise every limit
        if not shutil.which("setpriv"):
            pytest.skip("setpriv is not installed here")
        by = ("setpriv", "--bounding-set", "-sys_resource", *shell)
    done = run(by, cache, shutil.which("sh"), "-c", "ulimit -d", preexec_fn=lower)
    assert (done.stdout, done.stderr, done.returncode) == (f"{2**18}\n", "", 0)


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden", "a/b", "x" * 101])
def test_a_name_that_is_no_file_name_is_refused(cache, name):
    with pytest.raises(ValueError, match="cannot name what runs"):
        lease_command(cache, name, ["true"])
