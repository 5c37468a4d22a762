"""The retries after a broken connection, by a clock of the test's own."""

import pytest

from bench.devices.reconnect import Reconnect
from bench.devices.running_jobs import Stopped
from models.command_line.errors import DeviceError


class Clock:
    """Time passes while somebody waits, and no other."""

    def __init__(self):
        self.now_s, self.pauses_s = 0.0, []

    def pause(self, seconds):
        self.pauses_s.append(seconds)
        self.now_s += seconds


def trying(clock, notes, limit_s=300.0):
    return Reconnect("pi4", notes.append, clock.pause, limit_s, lambda: clock.now_s)


def test_a_device_that_comes_back_is_reached_after_longer_and_longer_pauses():
    clock, notes, left = Clock(), [], [6]

    def reopen(show):
        left[0] -= 1
        if left[0]:
            raise DeviceError("not on the network")

    assert trying(clock, notes).reach(reopen)
    assert clock.pauses_s == [1.0, 2.0, 4.0, 8.0, 15.0]
    assert notes == ["pi4: the connection broke; trying to reach it again for up to 300 s"]


def test_a_device_that_does_not_come_back_is_given_up_in_time_and_for_good():
    clock, notes, tries = Clock(), [], []

    def reopen(show):
        tries.append(clock.now_s)
        raise DeviceError("pi4 is not on the network")

    reconnect = trying(clock, notes, limit_s=60.0)
    assert not reconnect.reach(reopen) and reconnect.has_given_up
    assert 45 < clock.now_s <= 60 and notes[-1] == "pi4: given up: pi4 is not on the network"
    count = len(tries)
    assert not reconnect.reach(reopen) and len(tries) == count


def test_what_is_no_failure_of_the_device_ends_the_trying():
    clock, notes = Clock(), []

    def reopen(show):
        raise DeviceError("not yet")

    def stopped(seconds):
        raise Stopped

    reconnect = Reconnect("pi4", notes.append, stopped, 60.0, lambda: clock.now_s)
    with pytest.raises(Stopped):
        reconnect.reach(reopen)
    assert not reconnect.is_trying and not reconnect.has_given_up
