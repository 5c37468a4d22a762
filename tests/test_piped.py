"""End of a program on a device that nobody waits for any more."""

import subprocess

import pytest
from phone_shell import phone_shell

from bench.devices.transport.process_transport import HAS_TIMEOUT

pytestmark = pytest.mark.waits


def output(*shell, **options):
    return subprocess.run([*shell, "-c", HAS_TIMEOUT], capture_output=True, **options).stdout


def test_the_timeout_of_this_machine_is_used():
    assert output("/bin/sh") == b"0\n"


def test_that_of_a_phone_is_not(tmp_path):
    assert output(*phone_shell(tmp_path)) == b""


def test_a_device_without_one_does_without():
    assert output("/bin/sh", env={"PATH": "/nowhere"}) == b"127\n"
