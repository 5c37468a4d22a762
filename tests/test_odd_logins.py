"""Accounts that are set up unlike most: another login shell, variables that change what shells do,
start-up files that read or write."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from any_connection import (  # noqa: F401 (tests)
    ENDS_OVER_SSH,
    PATIENT_S,
    ignore,
    test_a_program_that_does_not_return_is_ended_there_too,
    test_a_program_that_is_not_there_is_127_and_an_error_in_one_line,
    test_a_started_program_is_spoken_to_while_it_runs,
    test_files_keep_their_content_under_any_name,
    test_the_words_of_a_command_arrive_as_they_are,
)
from loopback_sshd import LoopbackServer

from bench.devices.lease.device_lease import DeviceLease
from bench.devices.lease.lease_command import lease_command
from bench.devices.platform import LEASE_AGENT
from bench.devices.transport.ssh import Ssh
from bench.devices.transport.ssh_connection import GUARD

pytestmark = pytest.mark.waits

LOGIN_SHELLS = ["tcsh", "bsd-csh", "fish", "zsh", "dash", "busybox sh", "mksh", "rbash"]


@pytest.fixture(scope="module", params=LOGIN_SHELLS)
def connection(request, tmp_path_factory):
    """To an account whose login shell is another one."""
    shell = request.param
    if not shutil.which(shell.split()[0]):
        pytest.skip(f"{shell} is not installed here")
    folder = tmp_path_factory.mktemp("login") / "server"
    with (
        LoopbackServer(folder, f'ForceCommand exec {shell} -c "$SSH_ORIGINAL_COMMAND"') as server,
        Ssh(server.settings()) as connection,
    ):
        yield connection


@pytest.mark.parametrize(("script", "code"), ENDS_OVER_SSH)
def test_a_program_ends_here_as_it_ended_there(connection, script, code):
    assert connection.run(["sh", "-c", script], PATIENT_S).code == code


def test_a_device_is_leased_through_any_login_shell(connection, tmp_path):
    with DeviceLease(connection, ["sh", str(LEASE_AGENT)], tmp_path, "ann", print) as lease:
        lease.take()
        assert lease.is_held()
    assert (tmp_path / "lock").read_text() == ""


@pytest.fixture
def bash_as_sh(tmp_path):
    """The folders of programs of a system where bash is the sh."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to(shutil.which("bash"))
    return f"{tools}:/usr/bin:/bin"


@pytest.mark.parametrize("options", ["noclobber", "noglob", "nounset", "errexit", "noglob:nounset"])
def test_options_that_every_shell_starts_with_change_nothing(tmp_path, bash_as_sh, options):
    """SHELLOPTS, where bash is the sh."""
    cache, notes = tmp_path / "cache", []
    variables = f"SHELLOPTS={options} PATH={bash_as_sh}"
    with (
        LoopbackServer(tmp_path / "server", variables=variables) as server,
        Ssh(server.settings()) as connection,
    ):
        for _ in range(2):
            with DeviceLease(
                connection, ["sh", str(LEASE_AGENT)], cache, "ann", notes.append
            ) as lease:
                lease.take()
                words = lease_command(cache, "one", ["sh", "-c", "echo $nothing /et[c]"])
                assert connection.run_check(words, PATIENT_S) == b"/etc\n"
        assert notes == [] and (cache / "lock").read_text() == ""


def test_a_shell_that_gives_up_reading_after_a_time_loses_no_program(tmp_path, bash_as_sh):
    """TMOUT, where bash is the sh."""
    variables = f"TMOUT=1 PATH={bash_as_sh}"
    echo = "while read -r line; do echo $line; done; echo end"
    with (
        LoopbackServer(tmp_path / "server", variables=variables) as server,
        Ssh(server.settings()) as connection,
    ):
        process = connection.start(["sh", "-c", echo])
        time.sleep(2)  # longer than TMOUT
        assert process.communicate(b"still here\n", PATIENT_S)[0] == b"still here\nend\n"


def test_the_connection_outlives_a_tmout_of_this_side():
    """A login here may have one too, where bash is the sh."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["bash", "--posix", "-c", GUARD, "sh", f"{folder}/socket", "", "sleep", "2"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, env={"TMOUT": "1"})
        assert process.wait(PATIENT_S) == 0
        process.communicate()


@pytest.mark.parametrize("name", ["50% of 100%", "%h", "${HOME}", "${", "a$b"])
def test_a_folder_for_temporary_files_with_characters_of_ssh_is_in_nobodys_way(
    tmp_path, monkeypatch, name
):
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        folder = Path(short) / name
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with (
            LoopbackServer(tmp_path / "server") as server,
            Ssh(server.settings()) as connection,
        ):
            assert connection.run(["true"], PATIENT_S).code == 0
