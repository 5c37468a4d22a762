"""The daemon of the emulated phone, with this machine's programs, as the real adb sees it."""

import os
import signal
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from arm64.missing import tool
from device_android.adb_server import AdbServer
from device_android.adbd import Adbd
from device_android.authorization import Consent
from device_android.shell_service import Shell

pytestmark = [
    pytest.mark.waits,
    pytest.mark.skipif(tool("adb") is None, reason="adb is not installed"),
]
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with AdbServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def daemon(server, tmp_path):
    with Adbd(Shell(folder=str(tmp_path))) as daemon:
        server.adb("connect", daemon.serial)
        yield daemon
        server.adb("disconnect", daemon.serial)


@pytest.fixture
def adb(server, daemon):
    """``adb -s SERIAL words``."""
    return lambda *words, **options: server.adb("-s", daemon.serial, *words, **options)


def state(server, daemon):
    rows = map(str.split, server.adb("devices").stdout.splitlines()[1:])
    return next((row[1] for row in rows if row and row[0] == daemon.serial), "")


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "never"
        time.sleep(0.02)


def test_adb_lists_it_with_its_names(server, daemon):
    (row,) = [
        row for row in server.adb("devices", "-l").stdout.splitlines() if daemon.serial in row
    ]
    assert row.split()[1:5] == [
        "device", "product:emulated_phone", "model:Emulated_Phone", "device:emulated"
    ]  # fmt: skip
    server.adb("disconnect", daemon.serial)
    assert state(server, daemon) == ""
    server.adb("connect", daemon.serial)
    assert state(server, daemon) == "device"


def test_a_program_has_its_two_outputs_and_its_exit_code(adb):
    done = adb("shell", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_a_program_that_a_signal_ended_has_128_and_its_number(adb):
    assert adb("shell", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_standard_input_goes_through_whole_and_ends(adb):
    content = os.urandom(3 * MIB + 1)
    done = adb("shell", "cat; echo the end", input=content)
    assert done.stdout == content + b"the end\n"


def test_a_program_that_reads_nothing_does_not_stop_what_it_writes(adb):
    done = adb("shell", "exec <&-; seq 100000", input=bytes(MIB))
    assert done.stdout.endswith(b"100000\n")


def test_exec_out_is_a_program_without_packets(adb):
    assert (
        adb("exec-out", "printf 'a\\r\\nb\\0'; echo err >&2", input=b"").stdout == b"a\r\nb\0err\n"
    )


def test_many_programs_run_at_once(adb, tmp_path):
    """Each waits for all the others."""
    wait = "while [ $(ls | wc -l) -lt 8 ]; do sleep 0.02; done"
    with ThreadPoolExecutor(8) as pool:
        started = [
            pool.submit(adb, "shell", f": >{number}; {wait}; echo {number}") for number in range(8)
        ]
        assert [one.result().stdout for one in started] == [f"{number}\n" for number in range(8)]


def test_a_program_is_told_when_its_reader_goes(server, daemon, adb, tmp_path):
    program = "trap 'echo hup >told; exit' HUP; echo; while :; do sleep 0.1; done"
    client = subprocess.Popen(
        [tool("adb"), "-s", daemon.serial, "shell", program],
        env={**os.environ, **server.environment}, stdout=subprocess.PIPE,
    )  # fmt: skip
    client.stdout.readline()
    client.kill()
    client.communicate()
    until((tmp_path / "told").exists)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 20 * MIB])
def test_a_file_comes_back_as_it_went(adb, tmp_path, size):
    here, remote, back = (tmp_path / name for name in ("here", "made/there", "back"))
    here.write_bytes(os.urandom(size))
    here.chmod(0o750)
    assert adb("push", str(here), str(remote)).returncode == 0
    assert adb("pull", str(remote), str(back)).returncode == 0
    assert back.read_bytes() == here.read_bytes()
    # adb gives to all what the owner has.
    assert stat.S_IMODE(remote.stat().st_mode) == 0o777


def test_a_folder_comes_back_as_it_went(adb, tmp_path):
    (tmp_path / "here/sub").mkdir(parents=True)
    for name in ("a b", "sub/ü$(x)'"):
        (tmp_path / "here" / name).write_text(name)
    adb("push", str(tmp_path / "here"), str(tmp_path / "there"))
    adb("pull", str(tmp_path / "there"), str(tmp_path / "back"))
    for name in ("a b", "sub/ü$(x)'"):
        assert (tmp_path / "back" / name).read_text() == name
    rows = adb("ls", str(tmp_path / "there")).stdout.splitlines()
    assert [row.split(maxsplit=3)[3] for row in rows] == ["a b", "sub"]


def test_a_push_that_cannot_be_written_says_why(adb, tmp_path):
    (tmp_path / "here").write_bytes(bytes(5 * MIB))
    reasons = {"/dev/full": "write failed: No space left on device",
               "/proc/there": "couldn't create file: No such file or directory"}  # fmt: skip
    for path, reason in reasons.items():
        done = adb("push", str(tmp_path / "here"), path)
        assert (done.returncode, done.stdout.count(f"remote {reason}")) == (1, 1), done
    assert adb("pull", str(tmp_path / "none"), str(tmp_path)).returncode == 1
    assert adb("shell", "echo on").stdout == "on\n"


def test_a_push_whose_connection_breaks_leaves_nothing(server, daemon, adb, tmp_path):
    (tmp_path / "here").write_bytes(bytes(8 * MIB))
    daemon.faults.cut_at(8, ("in",))
    assert adb("push", str(tmp_path / "here"), str(tmp_path / "there")).returncode == 1
    until(lambda: not (tmp_path / "there").exists())
    until(lambda: state(server, daemon) == "device")


def test_an_interactive_terminal_is_refused(adb):
    done = adb("shell", "-tt", "true")
    assert (done.returncode, done.stderr) == (1, "error: closed\n")


@pytest.mark.parametrize("number", range(1, 9))
def test_the_connection_breaks_at_any_packet_and_comes_again(server, daemon, adb, number):
    daemon.faults.cut_at(number)
    output = adb("shell", "echo a; cat", input="b\n" * 9).stdout
    until(lambda: state(server, daemon) == "device")
    assert output != "a\n" + "b\n" * 9 or number > 5
    # What was not reached yet would break the next one.
    daemon.faults.cut_at(10**9)
    until(lambda: adb("shell", "echo on").stdout == "on\n")


def test_only_packets_in_the_direction_asked_for_count(daemon):
    daemon.faults.cut_at(2, ("out",))
    for _ in range(5):
        daemon.faults.passing("in")
    daemon.faults.passing("out")
    with pytest.raises(ConnectionError):
        daemon.faults.passing("out")
    daemon.faults.passing("out")


def test_it_goes_offline_and_comes_back(server, daemon, adb):
    daemon.go_offline()
    until(lambda: state(server, daemon) == "offline")
    # The server tries again all the time.
    time.sleep(2)
    assert adb("shell", "true").stderr == "error: device offline\n"
    daemon.come_back()
    until(lambda: state(server, daemon) == "device")
    assert adb("shell", "echo on").stdout == "on\n"


def test_a_key_is_refused_until_it_is_allowed_and_then_known(server, daemon):
    def reconnect(consent):
        daemon.authorization.consent = consent
        server.adb("disconnect", daemon.serial)
        server.adb("connect", daemon.serial)
        return state(server, daemon)

    assert reconnect(Consent.DENY) == "unauthorized"
    done = server.adb("-s", daemon.serial, "shell", "true")
    assert "device unauthorized" in done.stderr
    reconnect(Consent.ALLOW)
    until(lambda: state(server, daemon) == "device")
    assert reconnect(Consent.DENY) == "device"
    daemon.authorization.forget()
    assert reconnect(Consent.DENY) == "unauthorized"


def test_a_truncated_push_says_that_all_is_well(daemon, adb, tmp_path):
    (tmp_path / "here").write_bytes(os.urandom(MIB))
    push = ("push", str(tmp_path / "here"), str(tmp_path / "there"))
    daemon.faults.truncate_push(1000)
    assert adb(*push).returncode == 0
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()[:1000]
    adb(*push)
    assert (tmp_path / "there").stat().st_size == MIB


def test_what_is_delayed_arrives_later(daemon, adb):
    started = time.monotonic()
    daemon.faults.hold(0.5)
    assert adb("shell", "echo late").stdout == "late\n"
    assert time.monotonic() - started >= 0.5


def test_a_server_ends_with_its_test(tmp_path):
    with AdbServer(tmp_path) as server:
        process = Path(f"/proc/{server.process_id}")
        assert process.exists()
    assert not process.exists()
