"""Programs and files over the system's OpenSSH, to a real server on this machine."""

import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import PurePosixPath

import pytest
from any_connection import (  # noqa: F401 (tests)
    ENDS_OVER_SSH,
    PATIENT_S,
    ignore,
    test_a_disk_that_hangs_is_not_waited_for,
    test_a_file_replaces_another_and_what_a_power_cut_left_of_it,
    test_a_file_that_is_changed_on_the_way_gets_no_name,
    test_a_program_that_does_not_return_is_ended_there_too,
    test_a_program_that_is_not_there_is_127_and_an_error_in_one_line,
    test_a_started_program_is_spoken_to_while_it_runs,
    test_files_keep_their_content_under_any_name,
    test_the_words_of_a_command_arrive_as_they_are,
    test_where_a_file_cannot_be_it_is_an_error_in_one_line,
)
from breakable_relay import BreakableRelay
from commands import environment
from loopback_sshd import NAME, LoopbackServer, free_port
from processes import running, wait_until

from bench.devices.settings import DeviceSettings
from bench.devices.transport import process_transport, ssh
from bench.devices.transport.ssh import Ssh
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError, RequestError
from models.command_line.scratch import scratch_folder

pytestmark = pytest.mark.waits


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with LoopbackServer(tmp_path_factory.mktemp("loopback") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def connection(server):
    with Ssh(server.settings()) as connection:
        yield connection


@pytest.mark.parametrize(("script", "code"), ENDS_OVER_SSH)
def test_a_program_ends_here_as_it_ended_there(connection, script, code):
    assert connection.run(["sh", "-c", script], PATIENT_S).code == code
    process = connection.start(["sh", "-c", script])
    process.communicate(timeout=PATIENT_S)
    assert process.returncode == code


def test_standard_input_and_output_are_bytes(connection, tmp_path):
    content = bytes(range(256)) * 4096
    (tmp_path / "in").write_bytes(content)
    assert connection.run(["cat"], PATIENT_S, content).stdout == content
    assert connection.run(["cat"], PATIENT_S, tmp_path / "in").stdout == content
    assert connection.run(["cat"], PATIENT_S).stdout == b""
    assert connection.run(["sh", "-c", "cat >&2"], PATIENT_S, "ä\n".encode()).stderr == "ä\n"


def test_how_far_a_long_push_is_is_shown(server, tmp_path):
    (tmp_path / "here").write_bytes(bytes(4_000_000))
    shown = []
    with (
        BreakableRelay(server.port) as between,
        Ssh(server.settings(port=between.port)) as connection,
    ):
        between.delay_s = 0.01
        remote = PurePosixPath(tmp_path / "there")
        connection.put(tmp_path / "here", remote, lambda *told: shown.append(told))
    assert shown[0] == ("pushing here",)
    assert {told[0] for told in shown[1:]} == {"pushing here, MB"}
    assert {told[2] for told in shown[1:]} == {4}
    assert 0 < shown[1][1] < 4


def test_all_commands_share_one_connection(server, connection):
    processes = [connection.start(["cat"]) for _ in range(5)]
    assert connection.run(["true"], PATIENT_S).code == 0
    assert server.sessions() == 1
    for process in processes:
        process.communicate(timeout=PATIENT_S)


def test_a_long_name_of_the_folder_for_temporary_files_is_in_nobodys_way(
    server, tmp_path, monkeypatch
):
    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with Ssh(server.settings()) as connection:
        assert connection.run(["true"], PATIENT_S).code == 0


def test_what_a_configuration_says_for_people_is_in_nobodys_way(server, tmp_path):
    """A command and a terminal for every login, a command here, connections of its own to share, a
    forwarded port that is in use already, no word about what goes wrong, an ssh that goes to the
    background."""
    disturbing = (
        f" RemoteCommand tmux\n RequestTTY force\n ControlMaster auto\n ControlPersist yes\n"
        f" ControlPath {tmp_path}/%C\n LocalForward 127.0.0.1:{server.port} localhost:1\n"
        " ExitOnForwardFailure yes\n LogLevel QUIET\n SendEnv *\n"
        f" PermitLocalCommand yes\n LocalCommand touch {tmp_path}/local\n"
        " ForkAfterAuthentication yes\n StdinNull yes\n SessionType none\n Tunnel point-to-point\n"
    )
    settings = server.settings(extra=disturbing)
    with Ssh(settings) as connection:
        assert connection.run_check(["echo", "hello"], PATIENT_S) == b"hello\n"
    assert not running(str(settings.ssh_config))
    assert os.listdir(tmp_path) == []
    with pytest.raises(DeviceError, match="refuses connections"):
        Ssh(server.settings(port=free_port(), extra=disturbing)).connect()


def test_a_jump_host_of_the_configuration_is_taken(server):
    config = server.client_config()
    jump = server.client_config(extra=f" ProxyCommand ssh -F {config} -W 127.0.0.1:%p {NAME}")
    with Ssh(DeviceSettings("pi4", "ssh", NAME, ssh_config=str(jump))) as connection:
        assert server.sessions() >= 2
        assert connection.run_check(["echo", "hello"], PATIENT_S) == b"hello\n"


@pytest.mark.parametrize(
    "host",
    ["", " ", "-oProxyCommand=true", "pi@-oX", "a b", "a;b", "$(b)", "`b`", "a|b", "a\nb", "a'b",
     'a"b', "a\\b", "a&b", "ä", "pi@a@b", "{a}", "a/b", "a\n", "*", "-l@pi4", "-4", "\u212a"],
)  # fmt: skip
def test_what_is_no_host_is_refused_before_ssh_sees_it(host):
    with pytest.raises(RequestError, match=r"^host of pi4 is .*; expected a name, user@name or"):
        Ssh(DeviceSettings("pi4", "ssh", host))


@pytest.mark.parametrize(
    "host", ["pi@raspberrypi.local", "pi4", "192.168.0.7", "ssh://pi@pi4:2222", "fe80::1%eth0"]
)
def test_hosts_that_ssh_knows_are_taken(host):
    Ssh(DeviceSettings("pi4", "ssh", host))


def test_a_configuration_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RequestError, match="there is no such file"):
        Ssh(DeviceSettings("pi4", "ssh", "pi4", ssh_config=str(tmp_path / "none")))


def test_a_closed_connection_ends_what_went_through_it_and_opens_again(server):
    connection = Ssh(server.settings())
    with pytest.raises(ConnectionLost, match="there is no connection to pi4"):
        connection.run(["true"], PATIENT_S)
    connection.connect()
    process = connection.start(["cat"])
    connection.connect()
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"one\n"
    connection.close()
    connection.close()
    assert not connection.is_connected()
    assert process.wait(PATIENT_S) == connection.lost_code
    process.communicate()
    with pytest.raises(ConnectionLost):
        connection.run(["true"], PATIENT_S)
    with connection:
        assert connection.run(["true"], PATIENT_S).code == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_no_ssh_outlives_the_process_that_had_it(server, number):
    settings = server.settings()
    folder = tempfile.mkdtemp(dir="/tmp")
    code = holding(
        settings, "connection.start(['sleep', '9'])\nprint('started', flush=True)\ninput()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment() | {"TMPDIR": folder}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert [process.stdout.readline() for _ in range(2)] == [b"connected\n", b"started\n"]
    assert len(running(str(settings.ssh_config))) >= 2
    process.send_signal(number)
    process.wait(PATIENT_S)
    process.communicate()
    wait_until(lambda: not running(str(settings.ssh_config)))
    wait_until(lambda: not os.listdir(folder))
    os.rmdir(folder)


def test_what_a_connection_whose_processes_were_all_killed_leaves_goes_with_the_next(server):
    """As when a container is stopped, where nobody is left who could tidy up."""
    settings = server.settings()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", holding(settings, "input()")],
            env=environment() | {"TMPDIR": folder}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout.readline() == b"connected\n"
        pids = {*running(str(settings.ssh_config)), *running(folder), process.pid}
        for number in (signal.SIGSTOP, signal.SIGKILL):  # none of them sees another one's end
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        process.communicate()
        wait_until(lambda: not running(folder))
        assert os.listdir(folder)
        with scratch_folder(folder) as made:
            assert os.listdir(folder) == [made.name]


def test_a_connection_that_is_still_being_made_ends_with_the_process_too(server, tmp_path):
    """In jump hosts and other commands of the configuration as well."""
    waiting = f" ProxyCommand sh -c 'sleep 300; : {tmp_path}'\n"
    code = holding(server.settings(extra=waiting))
    process = subprocess.Popen([sys.executable, "-c", code], env=environment())
    wait_until(lambda: running(f"sleep 300; : {tmp_path}"))
    process.kill()
    process.wait(PATIENT_S)
    wait_until(lambda: not running(str(tmp_path)))


@pytest.mark.parametrize(
    ("forced", "reason"),
    [
        (
            "echo 'Welcome to the lab'; eval \"$SSH_ORIGINAL_COMMAND\"",
            r"pi4 writes 'Welcome to the lab' before every command; if its ~/\.bashrc, or",
        ),
        (
            "echo 'This account is not available.'; exit 1",
            r"pi4 does not run commands: exit code 1, 'This account is not available\.'; expected",
        ),
        (
            'trap "echo Goodbye" EXIT; eval "$SSH_ORIGINAL_COMMAND"',
            r"pi4 writes 'Goodbye' after every command; if its ~/\.bashrc",
        ),
        (
            'read -r answer; eval "$SSH_ORIGINAL_COMMAND"',
            r"pi4 lets programs read nothing: .* their input ahead of them; if its ~/\.bashrc",
        ),
        (
            'PATH=/nowhere; eval "$SSH_ORIGINAL_COMMAND"',
            r"exit code 127, '.*sh: .*not found'; expected a login with a shell, and a PATH that f",
        ),
        (
            "exec dash",
            r"pi4 does not run commands: exit code 0, ''; expected a login with a shell; if its "
            r"~/\.bashrc, or what else its shell starts with, .*starts another shell, let it do so",
        ),
        (
            "sleep 30",
            r"did not end within 0\.5 s; if its ~/\.bashrc, or what else its shell starts with",
        ),
    ],
)
def test_a_login_without_a_plain_shell_is_an_error(tmp_path, monkeypatch, forced, reason):
    if forced.startswith("sleep"):
        monkeypatch.setattr(process_transport, "SHELL_S", 0.5)
    with LoopbackServer(tmp_path / "server", f"ForceCommand {forced}") as server:
        connection = Ssh(server.settings())
        with pytest.raises(DeviceError, match=reason):
            connection.connect()
        assert not connection.is_connected()


# The server says of the next program only that it has ended, however it did that.
LOSING = (
    'ForceCommand sh -c "$SSH_ORIGINAL_COMMAND"; code=$?; rm {mark} 2> /dev/null && kill -KILL $$; '
    "exit $code"
)


def test_a_program_whose_exit_code_is_lost_runs_once_more(tmp_path):
    mark, runs, here = tmp_path / "mark", tmp_path / "runs", tmp_path / "here"
    here.write_bytes(b"some")
    losing = LOSING.format(mark=mark)
    with LoopbackServer(tmp_path / "server", losing) as server, Ssh(server.settings()) as pi:
        for number, work in enumerate(
            (
                lambda: pi.run_check(["sh", "-c", f"echo >> {runs}; cat"], PATIENT_S, b"in"),
                lambda: pi.put(here, PurePosixPath(tmp_path / "there"), ignore),
                lambda: pi.get(PurePosixPath(tmp_path / "there"), tmp_path / "back", 100),
            )
        ):
            mark.touch()
            assert work() == (None if number else b"in") and not mark.exists()
    assert runs.read_text() == "\n\n" and (tmp_path / "back").read_bytes() == b"some"


def test_a_server_that_never_tells_how_a_program_ended_is_an_error(tmp_path):
    mark = tmp_path / "mark"
    losing = LOSING.format(mark=mark).replace("rm", "test -e")
    with LoopbackServer(tmp_path / "server", losing) as server, Ssh(server.settings()) as pi:
        mark.touch()
        with pytest.raises(DeviceError, match="pi4 ended a command, or did not start it: 255"):
            pi.run(["true"], PATIENT_S)


def test_a_login_that_waits_for_the_one_before_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(ssh, "SHELL_S", 2)
    alone = f'ForceCommand exec flock {tmp_path}/one sh -c "$SSH_ORIGINAL_COMMAND"'
    message = "lets a connection have 1 sessions at a time; ex"
    with (
        LoopbackServer(tmp_path / "server", alone) as server,
        pytest.raises(DeviceError, match=message),
    ):
        Ssh(server.settings()).connect()


@pytest.mark.parametrize("allowed", [1, 2])
def test_a_server_that_allows_too_few_sessions_is_told_at_once(tmp_path, allowed):
    with LoopbackServer(tmp_path / "server", f"MaxSessions {allowed}") as server:
        connection = Ssh(server.settings())
        with pytest.raises(DeviceError) as caught:
            connection.connect()
        assert not isinstance(caught.value, ConnectionLost) and not connection.is_connected()
    assert str(caught.value).startswith(
        f"pi4 lets a connection have {allowed} sessions at a time; expected 3 or more: write "
        "MaxSessions 10 into /etc/ssh/sshd_config there"
    )


@pytest.mark.parametrize("allowed", [3, 5])
def test_a_server_that_allows_few_sessions_gets_more_connections(tmp_path, allowed):
    with (
        LoopbackServer(tmp_path / "server", f"MaxSessions {allowed}") as server,
        Ssh(server.settings()) as connection,
    ):
        check_many(connection, 7)
        assert server.sessions() == -(-7 // (allowed - 2))


def test_on_a_terminal_a_person_decides_about_an_unknown_host_key(server):
    settings = server.settings(host_key=server.folder / "none")
    output = on_a_terminal(holding(settings), [("continue connecting", "no\n")])
    assert "pi4: loopback shows a host key that is not known here" in output
    output = on_a_terminal(holding(settings), [("continue connecting", "yes\n")])
    assert "connected" in output
    with Ssh(settings) as connection:
        assert connection.is_connected()


def test_ctrl_c_on_a_terminal_leaves_the_connection_to_clean_up_with(server):
    code = holding(
        server.settings(),
        "try:\n    print('holding', flush=True)\n    time.sleep(300)\n"
        "except KeyboardInterrupt:\n"
        "    print(connection.run_check(['echo', 'done'], 30), connection.is_connected())",
    )
    assert "b'done\\n' True" in on_a_terminal(code, [("holding", "\x03")])


def holding(settings, then=""):
    """Code of a Python that holds the connection and prints so, then does ``then``."""
    lines = [
        "import time, signal",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)",  # nohup makes all ignore it
        "from bench.devices.settings import DeviceSettings",
        "from bench.devices.transport.ssh import Ssh",
        f"connection = Ssh({settings!r})",
        "connection.connect()",
        "print('connected', flush=True)",
        then,
    ]
    return "\n".join(lines)


def on_a_terminal(code, answers):
    """Output of a Python on a terminal where ``answers`` are typed when asked."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], environment())
    output, waiting = "", list(answers)
    while True:
        try:
            output += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the other end is closed
            break
        if waiting and waiting[0][0] in output:
            os.write(terminal, waiting.pop(0)[1].encode())
    os.waitpid(pid, 0)
    os.close(terminal)
    return output


def test_more_programs_than_a_connection_may_have_sessions_run_at_the_same_time(connection):
    """sshd lets a connection have ten."""
    check_many(connection, 23)


def check_many(connection, count):
    """Check that so many programs run at the same time, and another meanwhile."""
    started = [connection.start(["cat"]) for _ in range(count)]
    try:
        assert connection.run_check(["echo", "between"], 20) == b"between\n"
        for n, process in enumerate(started):
            process.stdin.write(f"{n}\n".encode())
            process.stdin.flush()
        assert [int(process.stdout.readline()) for process in started] == list(range(count))
    finally:
        for process in started:
            process.communicate()
    assert [process.returncode for process in started] == [0] * count


def test_a_stop_ends_what_is_waited_for_and_not_what_was_started(server):
    """The connection still carries the last output."""
    with Ssh(server.settings()) as connection:
        started = connection.start(["cat"])
        threading.Timer(0.3, connection.stop).start()
        with pytest.raises(DeviceError, match="it was told to stop"):
            connection.run(["sleep", "600"], 600)
        with pytest.raises(DeviceError, match="it was told to stop"):
            connection.run(["true"], PATIENT_S)
        assert started.communicate(b"still here", timeout=PATIENT_S)[0] == b"still here"
