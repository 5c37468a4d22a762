"""Devices running at the same time: what comes is taken as it comes, and nothing is left over."""

import threading
import time

import pytest
from bench_runs import is_running

from bench.devices.host import Host
from bench.devices.in_parallel import in_parallel
from bench.devices.running_jobs import Stopped

pytestmark = pytest.mark.waits

SLEEPS = "import os, time\nopen({path!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"


def nothing():
    pass


def threads_left(before):
    return set(threading.enumerate()) - before


def test_items_come_as_they_are_found_and_each_with_its_key():
    second_is_out = threading.Event()

    def slow():
        assert second_is_out.wait(60)
        yield 1
        yield 2

    with in_parallel([("slow", slow()), ("fast", iter("ab"))], nothing) as found:
        got = []
        for one in found:
            got.append(one)
            if one == ("fast", "b"):
                second_is_out.set()
    assert got == [("fast", "a"), ("fast", "b"), ("slow", 1), ("slow", 2)]


def test_they_run_at_the_same_time():
    both = threading.Barrier(2)

    def work():
        yield both.wait(60)

    with in_parallel([(1, work()), (2, work())], nothing) as found:
        assert sorted(key for key, _ in found) == [1, 2]


def test_an_exception_of_one_is_raised_here_and_stops_the_others():
    before, stopped = set(threading.enumerate()), threading.Event()

    def fails():
        raise ValueError("of this test")
        yield

    def waits():
        yield stopped.wait(60)

    with pytest.raises(ValueError, match="of this test"):  # noqa: SIM117
        with in_parallel([(1, waits()), (2, fails())], stopped.set) as found:
            list(found)
    assert stopped.is_set() and not threads_left(before)


def test_those_that_are_through_are_not_stopped():
    with in_parallel([(1, [1]), (2, [2])], lambda: pytest.fail("stopped")) as found:
        assert len(list(found)) == 2


def test_a_block_that_is_left_ends_the_children_and_the_threads(job, tmp_path):
    """As Ctrl-C leaves it: while a runner is waited for."""
    before, pid_file = set(threading.enumerate()), tmp_path / "pid"
    (tmp_path / "runner.py").write_text(SLEEPS.format(path=str(pid_file)))
    host = Host(tmp_path / "runner.py")

    def work():
        yield host.run(job)
        yield host.run(job)

    def interrupt():
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.02)
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with in_parallel([("board", work()), ("ctrl-c", interrupt())], host.stop) as found:
            list(found)
    assert not threads_left(before) and not is_running(int(pid_file.read_text()))
    with pytest.raises(Stopped):
        host.start(job)
