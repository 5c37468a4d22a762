"""The lease agent of a device: one bench at a time, and nothing that outlives it."""

import calendar
import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from fake_clock import needs_faketime
from lease_agents import (
    BUSY,
    CONNECTION_GONE,
    FAILED,
    NO_ROOM,
    SHELLS,
    Agent,
    begin,
    boot_id,
    end_started,
    living,
    shell_words,
    start,
    start_ready,
    wait_until,
)

from bench.devices.lease.lease_command import NOT_STARTED_CODE, lease_command
from bench.devices.platform import LEASE_AGENT

pytestmark = pytest.mark.waits

READY = "print('ready', flush=True); "
SLEEPS = READY + "import time; time.sleep(600)"
PROGRAMS = {
    "plain": SLEEPS,
    "forks and ignores SIGTERM": f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() and os.fork():
    {READY}
time.sleep(600)
""",
    "has a name like fields": "open('/proc/self/comm', 'w').write(') Z 1 (1'); " + SLEEPS,
    "stopped": READY + "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "lost its first thread": f"""
import ctypes, threading, time
threading.Thread(target=time.sleep, args=[600]).start()
{READY}
ctypes.CDLL(None).pthread_exit(0)
""",
}


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    end_started()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "ann's cache"


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request, tmp_path_factory):
    """A test that has this holds for the shells of boards and of phones."""
    return shell_words(request.param, tmp_path_factory.mktemp("phone"))


def calendar_s(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def test_a_second_bench_hears_whose_the_device_is(shell, cache):
    with Agent(cache, shell, owner="ann@desk pid 7") as first:
        assert first.answer() == "locked"
        with Agent(cache, shell, owner="bob") as second:
            kind, age_s, since, owner = second.answer().split(" ", 3)
            assert (kind, owner, second.code()) == ("busy", "ann@desk pid 7", BUSY)
            assert 0 <= int(age_s) < 60 and abs(time.time() - calendar_s(since)) < 60
        assert first.ask("bye") == "released" and first.code() == 0
        with Agent(cache, shell, owner="bob") as third:
            assert third.answer() == "locked"


def test_two_accounts_share_one_device(shell, tmp_path):
    """Each has its own cache; what both can read is locked."""
    shared = tmp_path / "os release"
    shared.touch()
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    with Agent(mine, shell, "ann@desk, process 7", shared=[shared]) as agent:
        assert agent.answer() == "locked"
        with Agent(theirs, shell, "bob", shared=[shared]) as second:
            assert second.answer() == "busy - - ann@desk, process 7"
            assert second.code() == BUSY
        with Agent(theirs, shell, "bob", shared=[tmp_path / "none"]) as alone:
            assert alone.answer() == "locked"
            assert alone.ask("bye") == "released"
        assert agent.ask("bye") == "released"
        assert agent.code() == 0
    with Agent(theirs, shell, "bob", shared=[shared]) as second:
        assert second.answer() == "locked"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's program")
def test_an_account_that_may_write_nothing_of_another_hears_whose_the_device_is(tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        shutil.copy(LEASE_AGENT, folder)
        file = Path(folder) / LEASE_AGENT.name
        other = ("setpriv", "--reuid", "65534", "--clear-groups")
        shared = Path(folder) / "os-release"
        shared.touch(0o644)
        with Agent(tmp_path / "mine", owner="ann", shared=[shared]) as agent:
            assert agent.answer() == "locked"
            with Agent(f"{folder}/bobs", owner="bob", by=other, file=file, shared=[shared]) as bob:
                assert bob.answer() == "busy - - ann"
            assert agent.ask("bye") == "released"
            assert agent.code() == 0
        with Agent(f"{folder}/bobs", owner="bob", by=other, file=file, shared=[shared]) as bob:
            assert bob.answers("locked")[-1] == "locked"
            with Agent(tmp_path / "mine", owner="eve", shared=[shared]) as agent:
                assert agent.answers("busy")[-1] == "busy - - bob"
            assert bob.ask("bye") == "released"


def test_of_twelve_that_start_at_the_same_moment_one_has_the_device(cache):
    agents = [Agent(cache, owner=f"bench {number}") for number in range(12)]
    try:
        reply = [agent.answer() for agent in agents]
        (winner,) = [n for n, answer in enumerate(reply) if answer == "locked"]
        owners = {answer.split(" ", 3)[3] for answer in reply if answer != "locked"}
        assert owners == {f"bench {winner}"}
    finally:
        for agent in agents:
            agent.__exit__()


@pytest.mark.parametrize("kind", PROGRAMS)
def test_end_ends_one_program_with_all_it_started(cache, kind):
    with Agent(cache) as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", PROGRAMS[kind])
        other = start_ready(cache, "two", SLEEPS)
        count = len(living(program.pid)) + (kind == "lost its first thread")
        assert count >= 2
        assert agent.ask("end one") == f"ended one {count} 0"
        assert program.wait(timeout=60) == -signal.SIGKILL and not living(program.pid)
        assert len(living(other.pid)) == 2
        assert agent.ask("end one") == "ended one 0 0"
        agent.say("bye")
        assert agent.answers("released") == ["ended two 2 0", "released"] and not living(other.pid)


@pytest.mark.parametrize("how", ["end of input", "silence", "nonsense", "killed"])
def test_all_programs_end_when_the_connection_goes(shell, cache, how):
    """Also where the agent itself is killed: its watchdog sees that."""
    with Agent(cache, shell, timeout_s=2 if how in ("silence", "killed") else 60) as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", SLEEPS)
        if how == "end of input":
            agent.process.stdin.close()
        elif how == "nonsense":
            assert "expected beat" in agent.ask("do something")
        elif how == "killed":
            agent.process.kill()
        code = {"nonsense": FAILED, "end of input": CONNECTION_GONE}.get(how, -signal.SIGKILL)
        assert agent.code() == code
        assert program.wait(timeout=60) == -signal.SIGKILL
        wait_until(lambda: start(cache, "late", "true").wait() == NOT_STARTED_CODE)


def test_signals_do_not_end_it_in_the_middle_of_a_kill(shell, cache):
    with Agent(cache, shell) as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", SLEEPS)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.killpg(agent.process.pid, number)
        agent.process.stdin.close()
        assert agent.code() == CONNECTION_GONE and program.wait(timeout=60) == -signal.SIGKILL


def test_answers_that_nobody_reads_end_nothing_before_the_connection_goes(shell, cache):
    with Agent(cache, shell) as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", SLEEPS)
        agent.process.stdout.close()
        agent.say("end other")
        time.sleep(0.2)
        assert living(program.pid)
        agent.process.stdin.close()
        assert agent.code() == CONNECTION_GONE
        assert program.wait(timeout=60) == -signal.SIGKILL


def test_a_name_leads_nowhere_but_into_the_folder(cache):
    with Agent(cache) as agent:
        assert agent.answer() == "locked"
        assert "expected beat" in agent.ask("end ../lock")
        assert agent.code() == FAILED and (cache / "lock").exists()


def test_heartbeats_keep_the_device(shell, cache):
    with Agent(cache, shell, timeout_s=3) as agent:
        assert agent.answer() == "locked"
        for _ in range(16):
            agent.say("beat")
            time.sleep(0.25)
        assert agent.ask("bye") == "released"


def test_a_killed_agent_and_watchdog_leave_a_lock_that_the_next_takes_with_what_runs(shell, cache):
    with Agent(cache, shell, owner="ann") as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", SLEEPS)
        os.killpg(agent.process.pid, signal.SIGKILL)
        agent.code()
    assert living(program.pid)
    with Agent(cache, shell, owner="bob") as agent:
        left, *more = agent.answers("locked")
        assert left.startswith("left 20") and left.endswith("Z ann")
        assert more == ["ended one 2 0", "locked"]
        assert program.wait(timeout=60) == -signal.SIGKILL
        assert start(cache, "next", "true").wait() == 0


def test_an_agent_whose_connection_went_leaves_its_name_except_to_itself(cache):
    for owner, is_told in (("ann", False), ("ann", False), ("bob", True)):
        with Agent(cache, owner=owner) as agent:
            *told, _ = agent.answers("locked")
            assert len(told) == is_told
            agent.process.stdin.close()
            agent.code()


def test_a_session_that_is_somebody_elses_by_now_lives(cache):
    foreign = begin(["sleep", "600"])
    with Agent(cache) as agent:
        assert agent.answer() == "locked"
        (cache / "running" / "old").symlink_to(f"{foreign.pid} {boot_id()}")
        assert agent.ask("end old") == "ended old 0 0"
        assert foreign.poll() is None and not os.listdir(cache / "running")


def test_a_program_whose_shell_was_killed_is_known_by_its_file(shell, cache):
    (cache / "files").mkdir(parents=True)
    runner = cache / "files" / "a runner.py"
    runner.write_text(SLEEPS)
    with Agent(cache, shell) as agent:
        assert agent.answer() == "locked"
        leader = start(cache, "one", sys.executable, runner, stdout=subprocess.PIPE)
        assert leader.stdout.readline() == b"ready\n"
        leader.kill()
        leader.wait()
        assert agent.ask("end one") == "ended one 1 0" and not living(leader.pid)


@pytest.mark.parametrize("entry", ["another-boot", "no number", "1 2 3", "a file", "half a number"])
def test_an_entry_that_names_no_session_of_this_boot_is_only_removed(cache, entry):
    with Agent(cache) as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", SLEEPS)
        path = cache / "running" / "one"
        path.unlink()
        if entry == "a file":
            path.write_text(f"{program.pid} {boot_id()}")
        elif entry == "half a number":
            path.symlink_to(f"{program.pid}x {boot_id()}")
        else:
            path.symlink_to(f"{program.pid} {entry}" if entry == "another-boot" else entry)
        assert agent.ask("end one") == "ended one 0 0"
        assert len(living(program.pid)) == 2 and not os.listdir(cache / "running")


def test_a_server_that_puts_all_in_one_session_is_not_ended_with_it(cache):
    # As a shell that starts agent and program does, and a small SSH server.
    agent = f'exec 3<&0; {shlex.join(["sh", str(LEASE_AGENT)])} "$1" 60 ann <&3 &'
    program = f'exec "{sys.executable}" -c "$2" "$1/running/x"'
    shell = ["sh", "-c", f"{agent} {program}", "sh", cache, SLEEPS]
    process = begin(shell, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reply = process.stdout.readline() + process.stdout.readline()  # of both, one in the other
    assert b"ready" in reply and b"lease locked" in reply
    (cache / "running" / "x").symlink_to(f"{process.pid} {boot_id()}")
    process.stdin.write(b"end x\n")
    _, _, name, _, left = process.stdout.readline().split()
    assert name == b"x" and int(left) >= 1 and process.poll() is None


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's program")
def test_a_program_that_cannot_be_ended_is_told_in_time_and_tried_again(cache):
    powerless = ("setpriv", "--bounding-set", "-kill")
    script = ("sh", "-c", "echo ready; sleep 600; exit 1", cache / "files" / "runner.py")
    other_user = ("setpriv", "--reuid", "65534", "--clear-groups", *script)
    with Agent(cache, by=powerless) as agent:
        assert agent.answer() == "locked"
        program = start(cache, "one", *other_user, stdout=subprocess.PIPE)
        assert program.stdout.readline() == b"ready\n"
        wait_until(lambda: len(living(program.pid)) == 3)
        assert agent.ask("end one") == "ended one 1 2"
        agent.process.stdin.close()
        assert agent.code() == CONNECTION_GONE
    with Agent(cache) as agent:
        assert agent.answers("locked") == ["ended one 2 0", "locked"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide processes")
@pytest.mark.parametrize("hidepid", [1, 2])
def test_other_users_processes_may_be_hidden(hidepid):
    hide = f'mount -t proc -o hidepid={hidepid} proc /proc && exec "$@"'
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    # Not below pytest's folder, into which its own user alone may look.
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, 65534, 65534)
        agent_file = Path(home, "agent.sh")
        agent_file.write_bytes(LEASE_AGENT.read_bytes())
        cache = Path(home, "cache")
        by = ("unshare", "-m", "sh", "-c", hide, "sh", *nobody)
        with Agent(cache, by=by, file=agent_file) as agent:
            assert agent.answer() == "locked"
            words = lease_command(cache, "one", ["sh", "-c", "echo ready; sleep 600; exit 1"])
            program = begin([*nobody, *words], stdout=subprocess.PIPE)
            assert program.stdout.readline() == b"ready\n"
            wait_until(lambda: len(living(program.pid)) == 3)
            assert agent.ask("end one") == "ended one 3 0"
            assert program.wait(timeout=60) == -signal.SIGKILL


def test_a_full_disk_lends_the_lock_without_its_owners_name(shell, cache):
    with Agent(cache, shell, by=NO_ROOM) as first:
        unwritten, _ = first.answers("locked")
        assert unwritten.startswith("unwritten ")
        with Agent(cache, shell) as second:
            assert second.answer() == "busy - - -"
        program = start_ready(cache, "one", SLEEPS)
        assert first.ask("end one") == "ended one 2 0"
        program.wait()


@pytest.mark.parametrize("where", ["/sys/kernel", "/sys/kernel/cache", "a file"])
def test_a_folder_that_cannot_be_written_is_one_line(shell, tmp_path, where):
    if where == "a file":
        (tmp_path / "file").touch()
        where = tmp_path / "file"
    with Agent(where, shell) as agent:
        reply = agent.answer()
        assert reply.startswith("failed ") and str(where) in reply
        assert agent.answer() is None and agent.code() == FAILED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root unmounts a file system")
def test_a_system_without_proc_is_told_what_to_mount(cache):
    script = 'umount -l /proc && exec "$@"'
    with Agent(cache, by=("unshare", "-m", "sh", "-c", script, "sh")) as agent:
        assert agent.answer() == (
            "failed /proc is not mounted there; run there: sudo mount -t proc proc /proc"
        )
        assert agent.code() == FAILED


# As where the file system has no locks, or none for a file that is open for reading alone.
REFUSING = """#!/bin/sh
case $(readlink /proc/self/fd/8) in
{}) echo "flock: 8: Bad file descriptor" >&2; exit 65 ;;
*) exec {} "$@" ;;
esac
"""


def flock_that_refuses(folder, file):
    """Variables of a system whose flock cannot lock ``file``."""
    (folder / "bin").mkdir()
    (folder / "bin" / "flock").write_text(REFUSING.format(file, shutil.which("flock")))
    (folder / "bin" / "flock").chmod(0o755)
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}"}


def test_a_file_system_without_locks_is_told_and_nobody_is_said_to_have_it(tmp_path):
    cache = tmp_path / "cache"
    with Agent(cache, environment=flock_that_refuses(tmp_path, "*/lock")) as agent:
        assert agent.answer().startswith(
            f"failed {cache}/lock cannot be locked (flock: 8: Bad file descriptor)"
        )
        assert agent.code() == FAILED


def test_a_system_file_that_cannot_be_locked_keeps_nobody_out(tmp_path):
    """Those of one account still hold each other off."""
    shared = tmp_path / "os-release"
    shared.touch()
    variables = {"environment": flock_that_refuses(tmp_path, shared), "shared": [shared]}
    with Agent(tmp_path / "ann", **variables) as first:
        assert first.answer() == "locked"
        with Agent(tmp_path / "ann", owner="bob", **variables) as second:
            assert second.answer().endswith("Z ann")


@pytest.mark.parametrize("missing", ["flock", "xargs"])
def test_a_program_that_a_device_lacks_is_named(cache, tmp_path, missing):
    """Not somebody else who has the device, whom a lock that cannot be had would mean."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in re.search("^programs='(.*)'$", LEASE_AGENT.read_text(), re.MULTILINE)[1].split():
        if name != missing:
            (tools / name).symlink_to(shutil.which(name))
    with Agent(cache, (shutil.which("sh"),), environment={"PATH": str(tools)}) as agent:
        assert agent.answer().startswith(f"failed {missing} is not there; install what has it")
        assert agent.code() == FAILED


@pytest.mark.parametrize("content", ["{", "ann\n", "\0" * 200, "9" * 5000, "ann\nx\n1\nboot\n?\n"])
def test_a_lock_file_that_says_nothing_sensible_is_taken(cache, content):
    cache.mkdir()
    (cache / "lock").write_text(content)
    with Agent(cache) as first:
        assert first.answer() == "locked"
        with Agent(cache) as second:
            assert second.answer().endswith("Z ann")


@pytest.mark.parametrize("boot", ["this", "another"])
def test_a_holder_of_another_boot_is_not_named(cache, boot):
    cache.mkdir()
    boot = boot_id() if boot == "this" else boot
    with (cache / "lock").open("w") as lock:
        lock.write(f"ann\n2026-01-01T00:00:00Z\n1\n{boot}\n{os.getpid()}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with Agent(cache, owner="bob") as agent:
            reply = agent.answer()
            assert reply.startswith("busy ") and agent.code() == BUSY
            assert reply.split()[-1] == ("-" if boot == "another" else "ann")


def test_any_name_of_the_folder_will_do(shell, tmp_path):
    cache = tmp_path / 'it\'s $(touch here) "a"\nb; \\'
    with Agent(cache, shell) as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", SLEEPS)
        assert agent.ask("end one") == "ended one 2 0"
        assert program.wait(timeout=60) == -signal.SIGKILL
    assert os.listdir(tmp_path) == [cache.name]


@needs_faketime
@pytest.mark.parametrize("jump", ["-10y", "+10y"])
def test_a_jump_of_the_wall_clock_changes_nothing(cache, fake_clock, jump):
    with Agent(cache, timeout_s=5, environment=fake_clock.environment) as agent:
        assert agent.answer() == "locked"
        program = start_ready(cache, "one", SLEEPS)
        fake_clock.jump(jump)
        with Agent(cache, environment=fake_clock.environment) as second:
            kind, age_s, *_ = second.answer().split()
            assert kind == "busy" and 0 <= int(age_s) < 60
        assert agent.ask("end one") == "ended one 2 0"
        assert program.wait(timeout=60) == -signal.SIGKILL
        assert agent.ask("bye") == "released"
        with Agent(cache, owner="bob", environment=fake_clock.environment) as third:
            assert third.answer() == "locked"
            with Agent(cache) as fourth:
                years = calendar_s(fourth.answer().split()[2]) - time.time()
                assert abs(years) > 9 * 365 * 86400, "the clock did not jump"
