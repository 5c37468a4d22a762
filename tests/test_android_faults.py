"""A bench on a phone that something happens to: it goes on where it can, says what is lost where
it cannot, and leaves the phone as it was."""

import getpass
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
from commands import environment
from device_android.authorization import Consent
from device_android.settings import DATA
from far_project import error_line
from phone_project import PhoneProject, is_lost
from processes import wait_until
from tiny_models import write_export

from bench.remote.adb import Adb
from bench.remote.patience import Patience
from bench.remote.phone_facts import CACHE
from bench.remote.remote import Remote

pytestmark = pytest.mark.android
PLACES = pytest.mark.parametrize("place", ["timing", "judging"])
# Of the packets that a whole bench takes, in each direction, those that are lost.
PARTS = {"in": (0.0, 0.3, 0.6, 0.9), "out": (0.15, 0.45, 0.75)}
STALLING = """
import sys, time
from bench.__main__ import script
from bench.child import Child
def turn(self):
    open(sys.argv[-1], "w").close()
    time.sleep(600)
Child.turn = turn
mark = sys.argv.pop
import atexit
sys.exit(script())
"""


@pytest.fixture
def pixel(tiny_project, keras_answers, emulated_phone, monkeypatch):
    """The project with the phone that all tests share; 30 images go there in three shards."""
    monkeypatch.setattr("bench.shards.SHARD_IMAGES", 10)
    return PhoneProject(tiny_project, emulated_phone, monkeypatch)


@pytest.fixture
def start_pixel(tiny_project, keras_answers, start_phone, monkeypatch):
    """``start_pixel(**options)``: the same with a phone of the test's own."""
    return lambda **options: PhoneProject(tiny_project, start_phone(**options), monkeypatch)


def check_done(pixel, code, capsys):
    """The command did its job though the line broke."""
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "note: android: the line broke" in shown.err and "error:" not in shown.err
    (row,) = pixel.rows()
    assert pixel.is_right(row)
    assert pixel.is_free() and pixel.is_whole()


def after(seconds, do):
    """``do`` so much later, in a thread of its own."""
    threading.Timer(seconds, do).start()


@PLACES
def test_a_phone_that_goes_offline_and_comes_back(pixel, capsys, place):
    def away():
        pixel.phone.go_offline()
        after(2, pixel.phone.come_back)

    pixel.at(place, away)
    check_done(pixel, pixel.bench(), capsys)
