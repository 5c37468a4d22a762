"""The keeper of a device: one bench at a time, and nothing that outlives it."""

import ast
import calendar
import errno
import fcntl
import functools
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from fake_clock import needs_faketime
from keepers import (
    KEEPER,
    KINDS,
    Keeper,
    begin,
    end_started,
    keeper_words,
    living,
    start,
    start_ready,
    wait_until,
)

from bench.devices.lease.lease_command import NOT_STARTED_CODE, lease_command
from bench.on_device.lease_agent import BUSY, FAILED, LINE_GONE, boot_id

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


@pytest.fixture
def new_keeper(keeper_kind):
    """``new_keeper(cache, ...)``: a Keeper of the kind that is tested."""
    return functools.partial(Keeper, kind=keeper_kind)


def locked(keeper):
    said = keeper.event()
    assert said["event"] == "locked", said
    return said


def test_a_second_bench_hears_whose_the_device_is(new_keeper, cache):
    with new_keeper(cache, owner="ann@desk pid 7") as first:
        said = locked(first)
        assert said == {"event": "locked", "left_behind": None, "ended": {}, "unwritten": None}
        with new_keeper(cache, owner="bob") as second:
            said = second.event()
            assert (said["event"], said["owner"], second.code()) == ("busy", "ann@desk pid 7", BUSY)
            assert 0 <= said["age_s"] < 60 and abs(time.time() - calendar_s(said)) < 60
        assert first.ask("bye") == {"event": "released", "ended": {}} and first.code() == 0
        with new_keeper(cache, owner="bob") as third:
            assert locked(third)["left_behind"] is None


def calendar_s(said):
    return calendar.timegm(time.strptime(said["since_utc"], "%Y-%m-%dT%H:%M:%SZ"))


def test_of_twenty_that_start_at_the_same_moment_one_has_the_device(new_keeper, cache):
    keepers = [new_keeper(cache, owner=f"bench {number}") for number in range(20)]
    try:
        said = [keeper.event() for keeper in keepers]
        (winner,) = [n for n, event in enumerate(said) if event["event"] == "locked"]
        assert {event["owner"] for event in said if event["event"] == "busy"} == {f"bench {winner}"}
    finally:
        for keeper in keepers:
            keeper.__exit__()


@pytest.mark.parametrize("kind", PROGRAMS)
def test_end_ends_one_program_with_all_it_started(new_keeper, cache, kind):
    with new_keeper(cache) as keeper:
        locked(keeper)
        program = start_ready(cache, "one", PROGRAMS[kind])
        other = start_ready(cache, "two", SLEEPS)
        count = len(living(program.pid)) + (kind == "lost its first thread")
        assert count >= 2
        said = keeper.ask("end one")
        assert said == {"event": "ended", "name": "one", "processes": count, "left": 0}
        assert program.wait(timeout=60) == -signal.SIGKILL and not living(program.pid)
        assert len(living(other.pid)) == 2
        assert keeper.ask("end one")["processes"] == 0
        said = keeper.ask("bye")["ended"]
        assert said == {"two": {"processes": 2, "left": 0}} and not living(other.pid)


@pytest.mark.parametrize(
    "how", ["end of input", "silence", "SIGTERM", "SIGHUP", "SIGINT", "nonsense"]
)
def test_all_programs_end_when_the_line_goes(new_keeper, cache, how):
    with new_keeper(cache, silence_s=1 if how == "silence" else 60) as keeper:
        locked(keeper)
        program = start_ready(cache, "one", SLEEPS)
        if how == "end of input":
            keeper.process.stdin.close()
        elif how == "nonsense":
            assert "expected beat" in keeper.ask("do something")["message"]
        elif how != "silence":
            keeper.process.send_signal(signal.Signals[how])
        assert keeper.code() == (FAILED if how == "nonsense" else LINE_GONE)
        assert program.wait(timeout=60) == -signal.SIGKILL
        assert start(cache, "late", "true").wait() == NOT_STARTED_CODE


def test_answers_that_nobody_reads_end_nothing_before_the_line_goes(new_keeper, cache):
    with new_keeper(cache) as keeper:
        locked(keeper)
        program = start_ready(cache, "one", SLEEPS)
        keeper.process.stdout.close()
        keeper.say("end other")
        keeper.process.stdin.close()
        assert keeper.code() == LINE_GONE
        assert program.wait(timeout=60) == -signal.SIGKILL


def test_a_name_leads_nowhere_but_into_the_folder(new_keeper, cache):
    with new_keeper(cache) as keeper:
        locked(keeper)
        assert "expected beat" in keeper.ask("end ../lock")["message"]
        assert keeper.code() == FAILED and (cache / "lock").exists()


def test_a_line_without_an_end_is_not_kept(new_keeper, cache):
    with new_keeper(cache) as keeper:
        locked(keeper)
        keeper.process.stdin.write(b"x" * 70_000)
        assert keeper.code() == LINE_GONE


def test_a_signal_that_was_ignored_ends_it_all_the_same(new_keeper, cache):
    with new_keeper(cache, by=("sh", "-c", 'trap "" HUP; exec "$@"', "sh")) as keeper:
        locked(keeper)
        program = start_ready(cache, "one", SLEEPS)
        keeper.process.send_signal(signal.SIGHUP)
        assert keeper.code() == LINE_GONE and program.wait(timeout=60) == -signal.SIGKILL


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_keepers_of_every_kind_respect_and_succeed_each_other(cache, first, second):
    with Keeper(cache, first, owner="ann") as holder:
        locked(holder)
        program = start_ready(cache, "one", SLEEPS)
        with Keeper(cache, second, owner="bob") as other:
            said = other.event()
            assert (said["event"], said["owner"]) == ("busy", "ann") and 0 <= said["age_s"] < 60
    with Keeper(cache, second, owner="bob") as other:
        said = locked(other)
        assert said["left_behind"]["owner"] == "ann" and said["unwritten"] is None
        assert said["ended"] == {"one": {"processes": 2, "left": 0}}
        assert program.wait(timeout=60) == -signal.SIGKILL


def test_beats_keep_the_device(new_keeper, cache):
    with new_keeper(cache, silence_s=1) as keeper:
        locked(keeper)
        for _ in range(8):
            keeper.say("beat")
            time.sleep(0.25)
        assert keeper.ask("bye")["event"] == "released"


def test_a_killed_keeper_leaves_a_lock_that_the_next_takes_with_what_still_runs(new_keeper, cache):
    with new_keeper(cache, owner="ann") as keeper:
        locked(keeper)
        program = start_ready(cache, "one", SLEEPS)
    assert living(program.pid)
    with new_keeper(cache, owner="bob") as keeper:
        said = locked(keeper)
        assert said["left_behind"]["owner"] == "ann" and said["left_behind"]["since_utc"]
        assert said["ended"] == {"one": {"processes": 2, "left": 0}}
        assert program.wait(timeout=60) == -signal.SIGKILL
        assert start(cache, "next", "true").wait() == 0


def test_a_keeper_whose_line_went_leaves_its_name_except_to_itself(new_keeper, cache):
    for owner, left_behind in (("ann", None), ("ann", None), ("bob", "ann")):
        with new_keeper(cache, owner=owner) as keeper:
            said = locked(keeper)["left_behind"]
            assert (said and said["owner"]) == left_behind
            keeper.process.stdin.close()
            keeper.code()


def test_a_session_that_is_somebody_elses_by_now_lives(new_keeper, cache):
    foreign = begin(["sleep", "600"])
    with new_keeper(cache) as keeper:
        locked(keeper)
        (cache / "running" / "old").symlink_to(f"{foreign.pid} {boot_id()}")
        assert keeper.ask("end old") == {
            "event": "ended", "name": "old", "processes": 0, "left": 0,
        }  # fmt: skip
        assert foreign.poll() is None and not os.listdir(cache / "running")


def test_a_program_whose_shell_was_killed_is_known_by_its_file(new_keeper, cache):
    (cache / "files").mkdir(parents=True)
    runner = cache / "files" / "a runner.py"
    runner.write_text(SLEEPS)
    with new_keeper(cache) as keeper:
        locked(keeper)
        shell = start(cache, "one", sys.executable, runner, stdout=subprocess.PIPE)
        assert shell.stdout.readline() == b"ready\n"
        shell.kill()
        shell.wait()
        assert keeper.ask("end one")["processes"] == 1 and not living(shell.pid)


@pytest.mark.parametrize("entry", ["another-boot", "no number", "1 2 3", "a file", "half a number"])
def test_an_entry_that_names_no_session_of_this_boot_is_only_removed(new_keeper, cache, entry):
    with new_keeper(cache) as keeper:
        locked(keeper)
        program = start_ready(cache, "one", SLEEPS)
        path = cache / "running" / "one"
        path.unlink()
        if entry == "a file":
            path.write_text(f"{program.pid} {boot_id()}")
        elif entry == "half a number":
            path.symlink_to(f"{program.pid}x {boot_id()}")
        else:
            path.symlink_to(f"{program.pid} {entry}" if entry == "another-boot" else entry)
        assert keeper.ask("end one")["processes"] == 0
        assert len(living(program.pid)) == 2 and not os.listdir(cache / "running")
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def test_a_server_that_puts_all_in_one_session_is_not_ended_with_it(keeper_kind, cache):
    # As a shell that starts keeper and program does, and a small SSH server.
    keeper = f'exec 3<&0; {shlex.join(keeper_words(keeper_kind))} "$1" 60 <&3 &'
    program = f'exec "{sys.executable}" -c "$2" "$1/running/x"'
    shell = ["sh", "-c", f"{keeper} {program}", "sh", cache, SLEEPS]
    process = begin(shell, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b'{"owner": "ann"}\n')
    assert b"ready\n" in {process.stdout.readline(), process.stdout.readline()}
    (cache / "running" / "x").symlink_to(f"{process.pid} {boot_id()}")
    process.stdin.write(b"end x\n")
    assert json.loads(process.stdout.readline())["left"] == 1 and process.poll() is None


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's program")
def test_a_program_that_cannot_be_ended_is_told_in_time_and_tried_again(new_keeper, cache):
    powerless = ("setpriv", "--bounding-set", "-kill")
    script = ("sh", "-c", "echo ready; sleep 600; exit 1", cache / "files" / "runner.py")
    other_user = ("setpriv", "--reuid", "65534", "--clear-groups", *script)
    with new_keeper(cache, by=powerless) as keeper:
        locked(keeper)
        program = start(cache, "one", *other_user, stdout=subprocess.PIPE)
        assert program.stdout.readline() == b"ready\n"
        wait_until(lambda: len(living(program.pid)) == 3)
        said = keeper.ask("end one")
        assert said == {"event": "ended", "name": "one", "processes": 1, "left": 2}
        keeper.process.stdin.close()
        assert keeper.code() == LINE_GONE
    with new_keeper(cache) as keeper:
        assert locked(keeper)["ended"] == {"one": {"processes": 2, "left": 0}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide processes")
@pytest.mark.parametrize("hidepid", [1, 2])
def test_other_users_processes_may_be_hidden(new_keeper, hidepid):
    hide = f'mount -t proc -o hidepid={hidepid} proc /proc && exec "$@"'
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    # Not below pytest's folder, into which its own user alone may look.
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, 65534, 65534)
        cache = Path(home, "cache")
        with new_keeper(cache, by=("unshare", "-m", "sh", "-c", hide, "sh", *nobody)) as keeper:
            locked(keeper)
            words = lease_command(cache, "one", ["sh", "-c", "echo ready; sleep 600; exit 1"])
            program = begin([*nobody, *words], stdout=subprocess.PIPE)
            assert program.stdout.readline() == b"ready\n"
            wait_until(lambda: len(living(program.pid)) == 3)
            assert keeper.ask("end one") == {
                "event": "ended", "name": "one", "processes": 3, "left": 0,
            }  # fmt: skip
            assert program.wait(timeout=60) == -signal.SIGKILL


def test_a_full_disk_lends_the_lock_without_its_owners_name(new_keeper, cache):
    cache.mkdir()
    (cache / "lock").symlink_to("/dev/full")
    with new_keeper(cache) as first:
        assert locked(first)["unwritten"] == os.strerror(errno.ENOSPC)
        with new_keeper(cache) as second:
            said = second.event()
            assert (said["event"], said["owner"], said["age_s"]) == ("busy", None, None)
        program = start_ready(cache, "one", SLEEPS)
        assert first.ask("end one")["processes"] == 2
        program.wait()


@pytest.mark.parametrize("where", ["/sys/kernel", "/sys/kernel/cache", "a file"])
def test_a_folder_that_cannot_be_written_is_one_line(new_keeper, tmp_path, where):
    if where == "a file":
        (tmp_path / "file").touch()
        where = tmp_path / "file"
    with new_keeper(where) as keeper:
        said = keeper.event()
        assert said["event"] == "failed" and str(where) in said["message"]
        assert keeper.event() is None and keeper.code() == FAILED


@pytest.mark.parametrize("first", ['["owner"]', '{"owner": 1}', '{"owner": ""}', "nonsense"])
def test_a_first_line_without_an_owner_is_refused(keeper_kind, cache, first):
    command = [*keeper_words(keeper_kind), str(cache)]
    done = subprocess.run(command, input=first + "\n", capture_output=True, text=True, timeout=30)
    assert 'expected {\\"owner\\"' in done.stdout and done.returncode == FAILED
    assert not done.stderr and not cache.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"owner": "x"}', "\0" * 200, "9" * 5000])
def test_a_lock_file_that_says_nothing_sensible_is_taken(new_keeper, cache, content):
    cache.mkdir()
    (cache / "lock").write_text(content)
    with new_keeper(cache) as first:
        assert locked(first)["left_behind"] is None
        with new_keeper(cache) as second:
            assert second.event()["owner"] == "ann"


@pytest.mark.parametrize("boot", ["this", "another"])
def test_a_holder_of_another_boot_is_not_named(new_keeper, cache, boot):
    cache.mkdir()
    record = {"owner": "ann", "since_utc": "2026-01-01T00:00:00Z", "boottime_s": 1.0}
    record |= {"boot": boot_id() if boot == "this" else boot, "pid": os.getpid()}
    with (cache / "lock").open("w") as lock:
        json.dump(record, lock)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with new_keeper(cache, owner="bob") as keeper:
            said = keeper.event()
            assert said["event"] == "busy" and keeper.code() == BUSY
            assert said["owner"] == ("ann" if boot == "this" else None)


def test_any_name_of_the_folder_will_do(new_keeper, tmp_path):
    cache = tmp_path / 'it\'s $(touch here) "a"\nb; \\'
    with new_keeper(cache) as keeper:
        locked(keeper)
        program = start_ready(cache, "one", SLEEPS)
        assert keeper.ask("end one")["processes"] == 2
        assert program.wait(timeout=60) == -signal.SIGKILL
    assert os.listdir(tmp_path) == [cache.name]


@needs_faketime
@pytest.mark.parametrize("jump", ["-10y", "+10y"])
def test_a_jump_of_the_wall_clock_changes_nothing(new_keeper, cache, fake_clock, jump):
    in_its_time = functools.partial(new_keeper, cache, environment=fake_clock.environment)
    with in_its_time(silence_s=5) as keeper:
        locked(keeper)
        program = start_ready(cache, "one", SLEEPS)
        fake_clock.jump(jump)
        with in_its_time() as second:
            said = second.event()
            assert said["event"] == "busy" and 0 <= said["age_s"] < 60
        time.sleep(0.5)
        assert keeper.ask("end one")["processes"] == 2
        assert program.wait(timeout=60) == -signal.SIGKILL
        assert keeper.ask("bye")["event"] == "released"
        with in_its_time(owner="bob") as third:
            locked(third)
            with new_keeper(cache, owner="ann") as fourth:
                years = calendar_s(fourth.event()) - time.time()
                assert abs(years) > 9 * 365 * 86400, "the clock did not jump"


def test_it_needs_python_3_9_and_nothing_but_its_standard_library():
    tree = ast.parse(KEEPER.read_text(), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
                for alias in node.names}  # fmt: skip
    assert imported <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
