"""The host's side of a device's lease: taken, kept over what can go wrong, and released."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePosixPath

import pytest
from commands import ROOT
from lease_agents import (
    NO_ROOM,
    boot_id,
    end_started,
    living,
    start_ready,
    wait_until,
)
from local_transport import LocalTransport
from relayed_transport import RelayedTransport

from bench.devices.lease.device_lease import DeviceLease
from bench.devices.lease.lease_command import lease_command
from bench.devices.platform import LEASE_AGENT, owner
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError, RequestError

pytestmark = pytest.mark.waits

SLEEPS = "print('ready', flush=True); import time; time.sleep(600)"


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    end_started()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "ann's cache"


@pytest.fixture
def device(cache):
    """Locks of one device, by owner; all are released after the test."""
    made = []

    def lock(owner="ann@desk pid 7", transport=None, **settings):
        if transport is None:
            transport = LocalTransport()
        transport.connect()
        settings = {"lease_timeout_s": 60, "heartbeat_s": 0.2, **settings}
        notes = []
        found = DeviceLease(
            transport, settings.pop("agent", ("sh", str(LEASE_AGENT))),
            PurePosixPath(settings.pop("folder", cache)), owner, notes.append, **settings,
        )  # fmt: skip
        found.notes = notes
        made.append(found)
        return found

    yield lock
    for found in made:
        found.release()


def test_a_second_bench_is_told_whose_the_device_is_and_what_to_do(device):
    device().take()
    with pytest.raises(DeviceError) as error:
        device("bob").take()
    assert str(error.value).startswith("local is in use by ann@desk pid 7 for ")
    assert str(error.value).endswith(" s; wait, or end that bench")
    assert error.value.exit_code == 3


def test_a_bench_of_another_account_is_told_whose_the_device_is(device, cache, tmp_path):
    shared = tmp_path / "os-release"
    shared.touch()
    device("ann@desk", shared=str(shared)).take()
    other = device("bob", shared=str(shared), folder=tmp_path / "bob's cache")
    with pytest.raises(DeviceError) as error:
        other.take()
    assert str(error.value) == "local is in use by ann@desk; wait, or end that bench"


def test_a_device_that_was_named_twice_is_told(device):
    """Under two names: this very bench has it."""
    device(owner()).take()
    with pytest.raises(RequestError) as error:
        device(owner()).take()
    assert str(error.value) == (
        "local is the same device as another that DEVICE names, which this bench has already; "
        "expected each device once"
    )


def test_a_second_bench_may_wait(device):
    first, second = device(), device("bob")
    first.take()
    release = threading.Timer(1, first.release)
    release.start()
    second.take(wait_s=30)
    release.join()
    assert second.is_held() and not first.is_held() and not second.notes


def test_leaving_the_context_ends_what_runs_and_lets_others_in(device, cache):
    with device() as lock:
        assert not lock.is_held()
        lock.take()
        program = start_ready(cache, "one", SLEEPS)
        assert lock.is_held()
    assert not lock.is_held() and program.wait(timeout=60) == -signal.SIGKILL
    other = device("bob")
    other.take()
    assert not other.notes


def test_end_ends_one_program_and_no_other(device, cache):
    lock = device()
    lock.take()
    one, two = (start_ready(cache, name, SLEEPS) for name in ("one", "two"))
    assert lock.end("one") and one.wait(timeout=60) == -signal.SIGKILL
    assert len(living(two.pid)) == 2 and lock.end("never-started")
    lock.release()
    assert not lock.end("two") and not lock.notes


def test_heartbeats_keep_the_device_for_longer_than_the_silence_that_ends_it(device, cache):
    lock = device(lease_timeout_s=2)
    lock.take()
    program = start_ready(cache, "one", SLEEPS)
    time.sleep(3)
    assert lock.is_held() and program.poll() is None


def test_a_cut_connection_ends_what_runs_and_the_same_bench_takes_the_device_again(device, cache):
    transport = RelayedTransport()
    lock = device(transport=transport)
    lock.take()
    program = start_ready(cache, "one", SLEEPS)
    transport.cut()
    wait_until(lambda: not lock.is_held())
    assert program.wait(timeout=60) == -signal.SIGKILL and not lock.end("one")
    transport.connect()
    lock.take()
    assert lock.is_held() and not lock.notes


def test_a_frozen_connection_lets_go_when_it_is_silent_for_too_long(device, cache):
    transport = RelayedTransport()
    lock = device(transport=transport, lease_timeout_s=2)
    lock.take()
    program = start_ready(cache, "one", SLEEPS)
    transport.freeze()
    assert program.wait(timeout=60) == -signal.SIGKILL
    device("bob").take(wait_s=10)
    transport.thaw()
    wait_until(lambda: not lock.is_held())


def test_the_same_bench_waits_until_its_own_broken_connection_is_let_go(device):
    transport = RelayedTransport()
    device(transport=transport, lease_timeout_s=2).take()
    transport.freeze()
    again = device(lease_timeout_s=2)
    again.take()
    assert again.is_held()
    transport.thaw()


def test_a_lock_that_was_left_is_taken_and_told(device, cache):
    transport = RelayedTransport()
    device(transport=transport).take()
    agents = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if os.fsencode(cache) in (words := command_line(path)) and os.fsencode(LEASE_AGENT) in words
    ]
    start_ready(cache, "one", SLEEPS)
    for pid in agents:
        os.kill(pid, signal.SIGKILL)
    lock = device("bob")
    lock.take()
    taken, ended = lock.notes
    assert taken.startswith("local: took over the lease that ann@desk pid 7 left at 20")
    assert ended == "local: ended one, which an earlier bench had left running"


def command_line(path):
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []


def test_a_bench_that_is_killed_leaves_nothing_running(cache):
    source = f"""
import subprocess, sys, time
from pathlib import PurePosixPath
from bench.devices.lease.device_lease import DeviceLease
from bench.devices.lease.lease_command import lease_command
from local_transport import LocalTransport
transport, cache = LocalTransport(), PurePosixPath({str(cache)!r})
lock = DeviceLease(transport, ["sh", {str(LEASE_AGENT)!r}], cache, "ann", print)
lock.take()
words = lease_command(cache, "one", [sys.executable, "-c", {SLEEPS!r}])
program = subprocess.Popen(transport.argv(words), start_new_session=True, stdout=subprocess.PIPE)
program.stdout.readline()
print(program.pid, flush=True)
time.sleep(600)
"""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    bench = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    session = int(bench.stdout.readline())
    assert living(session)
    bench.kill()
    bench.wait()
    wait_until(lambda: not living(session))


def test_a_disk_that_is_full_is_told_and_costs_only_the_name(device, cache):
    lock = device(agent=(*NO_ROOM, "sh", str(LEASE_AGENT)))
    lock.take()
    (note,) = lock.notes
    assert note.startswith("local: its lock holds, but does not name this bench: ")
    with pytest.raises(DeviceError, match="in use by another bench, which its lock does not name;"):
        device("bob").take()


def test_a_folder_that_cannot_be_written_is_one_line(device, cache):
    cache.write_text("a file")
    with pytest.raises(DeviceError, match=r"local: it cannot be leased: .*File exists"):
        device().take()


TELL_SESSION = 'cut -d " " -f 6 /proc/$$/stat > "$cache.session"'


def session_told(cache):
    return int(cache.with_name(f"{cache.name}.session").read_text())


class Through(LocalTransport):
    """``script`` in front of what is to be started there, which is its "$@"; it has "$cache"."""

    def __init__(self, script, cache=""):
        super().__init__()
        self.script = f"cache={shlex.quote(str(cache))}; {script}"

    def argv(self, argv):
        return super().argv(["sh", "-c", self.script, "sh", *argv])


def test_a_connection_that_breaks_ahead_of_the_lock_is_connection_lost(device):
    lock = device(transport=Through("echo reset by peer >&2; exit 255"))
    with pytest.raises(ConnectionLost, match=r"^local: the connection broke .*: reset by peer$"):
        lock.take()
    assert not lock.is_held()


def test_an_agent_that_cannot_start_is_told_with_its_last_words(device):
    with pytest.raises(DeviceError, match=r"exit code 127: .*no-shell.*not found") as error:
        device(agent=("/no-shell", "lease_agent.sh")).take()
    assert not isinstance(error.value, ConnectionLost)


def test_an_agent_that_says_nothing_is_given_up_and_ended(device, cache, monkeypatch):
    monkeypatch.setattr("bench.devices.lease.device_lease.ANSWER_S", 0.5)
    with pytest.raises(DeviceError, match=r"nothing within 0.5 s: welcome"):
        device(transport=Through(f"{TELL_SESSION}; echo welcome; sleep 600", cache)).take()
    session = session_told(cache)
    wait_until(lambda: not living(session))


def test_what_cannot_be_ended_is_told(device, cache):
    # Something in the agent's own session, which it cannot end without ending itself.
    beside = 'sh -c "sleep 5; exit 1" "$cache/running/one" < /dev/null > /dev/null 2>&1 &'
    lock = device(transport=Through(f'{TELL_SESSION}; {beside} exec "$@"', cache))
    lock.take()
    session = session_told(cache)
    (cache / "running" / "one").symlink_to(f"{session} {boot_id()}")
    wait_until(lambda: len(living(session)) >= 3)
    assert not lock.end("one")
    lock.release()
    told = "local: one cannot be ended: processes that are left: "
    assert [note[: len(told)] for note in lock.notes] == [told, told]


def test_an_answer_that_comes_too_late_is_not_taken_for_another(device, cache, monkeypatch):
    transport = RelayedTransport()
    lock = device(transport=transport)
    lock.take()
    programs = [start_ready(cache, name, SLEEPS) for name in ("one", "two")]
    transport.freeze()
    with monkeypatch.context() as hurry:
        hurry.setattr("bench.devices.lease.device_lease.END_S", 0.1)
        assert not lock.end("one")
    transport.thaw()
    assert lock.end("two") and not living(programs[1].pid) and not living(programs[0].pid)
    assert lock.notes == ["local: did not say within 0.1 s that one has ended"]


def test_a_device_that_greets_before_the_agent_speaks_is_no_trouble(device):
    lock = device(transport=Through('echo welcome; echo "[]"; echo; exec "$@"'))
    lock.take()
    assert lock.is_held() and lock.end("nothing")


def test_several_threads_may_end_programs_at_once(device, cache):
    lock = device()
    lock.take()
    programs = [start_ready(cache, f"run-{number}", SLEEPS) for number in range(6)]
    ended = []
    threads = [
        threading.Thread(target=lambda name=f"run-{number}": ended.append(lock.end(name)))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert ended == [True] * 6 and not any(living(program.pid) for program in programs)


def test_a_registered_program_runs_through_the_connection_with_its_input_and_end(device, cache):
    transport = RelayedTransport()
    device(transport=transport).take()
    source = "import sys; print(sys.stdin.readline(), end=''); sys.exit(9)"
    words = lease_command(PurePosixPath(cache), "one", [sys.executable, "-c", source])
    done = subprocess.run(transport.argv(words), input=b"it's $(me)\n", capture_output=True)
    assert (done.stdout, done.returncode) == (b"it's $(me)\n", 9)


LIES = [
    "busy", "busy soon", "busy \u00b2 - x", "ended", "ended a b", "locked up", "failed", "left",
    "released now", "", "x" * 2**21, "left a b\nlease " * 20_000,
]  # fmt: skip


@pytest.mark.parametrize("said", LIES)
def test_an_agent_that_speaks_nonsense_is_an_error_in_one_line(device, tmp_path, said):
    (tmp_path / "said").write_text(f"lease {said}\n")
    agent = ("sh", "-c", f"cat '{tmp_path}/said'; exit 3")
    with pytest.raises(DeviceError) as refused:
        device(agent=agent).take()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 1000


def test_an_agent_that_ends_a_program_in_nonsense_is_not_believed(device):
    """A bench goes on, and ends; what it measured is kept."""
    script = "printf 'lease locked\\n'; while read -r line; do printf 'lease ended\\n'; done"
    lease = device(agent=("sh", "-c", script))
    lease.take()
    lease.release()
