"""A phone does not sleep while it is measured, and is as before afterwards, however that ends."""

import os
import signal
import subprocess
from pathlib import PurePosixPath

import pytest
from processes import wait_until

from bench.devices.stay_awake import stay_awake

pytestmark = pytest.mark.waits

# Android's programs, with the state of the phone in files.
PROGRAMS = {
    "settings": """#!/bin/sh
case $1 in
get) cat "$STATE/$3" 2>/dev/null || echo null;;
put) echo "$4" > "$STATE/$3";;
delete) rm -f "$STATE/$3"; echo 'Deleted 1 rows';;
esac
""",
    "input": '#!/bin/sh\necho "$*" >> "$STATE/keys"\n',
    "dumpsys": """#!/bin/sh
case $2 in
enabled) cat "$STATE/doze";;
enable) echo 1 > "$STATE/doze"; echo 'Light idle mode enabled';;
disable) echo 0 > "$STATE/doze"; echo 'Light idle mode disabled';;
esac
""",
}
SCREEN = "stay_on_while_plugged_in"


class PhoneShell:
    """Programs of a phone in a folder of this machine, and the lock on it."""

    def __init__(self, folder, shell):
        self.state, self.cache, self._shell = folder / "state", folder / "a cache", shell
        self._bin, self.notes, self.started = folder / "bin", [], []
        for made in (self.state, self._bin, self.cache, self.cache / "running"):
            made.mkdir()
        for name, content in PROGRAMS.items():
            self.program(name, content)
        self.set("doze", "1")

    def program(self, name, content):
        (self._bin / name).write_text(content)
        (self._bin / name).chmod(0o755)

    def set(self, name, value):
        (self.state / name).write_text(f"{value}\n")

    def get(self, name):
        file = self.state / name
        return file.read_text().strip() if file.exists() else None

    def start(self, argv):
        assert argv[0] == "sh"
        words = [*self._shell, *map(str, argv[1:])]
        variables = {"PATH": f"{self._bin}:/usr/bin:/bin", "STATE": str(self.state)}
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, stderr=pipe, env=variables, start_new_session=True
        )
        self.started.append(process)
        return process

    def stay_awake(self):
        return stay_awake(self.start, "my phone", PurePosixPath(self.cache), self.notes.append)

    def is_awake(self):
        return self.get(SCREEN) == "7" and self.get("doze") == "0"


@pytest.fixture
def phone(tmp_path):
    made = PhoneShell(tmp_path, ["/bin/sh"])
    yield made
    for process in made.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize("before", ["3", None])
def test_it_is_as_before_after_the_block(phone, before):
    if before:
        phone.set(SCREEN, before)
    with phone.stay_awake():
        assert phone.is_awake() and "WAKEUP" in phone.get("keys")
    assert phone.get(SCREEN) == before and phone.get("doze") == "1"
    assert not phone.notes and not (phone.cache / "awake").exists()


def test_a_phone_whose_doze_is_off_keeps_it_off(phone):
    phone.set("doze", "0")
    with phone.stay_awake():
        pass
    assert phone.get("doze") == "0"


def test_it_is_put_back_when_the_connection_breaks(phone):
    with phone.stay_awake():
        process = phone.started[0]
        os.kill(process.pid, signal.SIGHUP)  # what adbd does then
        process.stdin.close()
        wait_until(lambda: phone.get("doze") == "1")
        assert phone.get(SCREEN) is None


def test_it_is_put_back_when_the_lock_goes(phone):
    with phone.stay_awake():
        (phone.cache / "running").rename(phone.cache / "ended")
        wait_until(lambda: phone.get("doze") == "1")


def test_one_that_was_killed_is_made_up_for_by_the_next(phone):
    phone.set(SCREEN, "3")
    with phone.stay_awake():
        os.killpg(phone.started[0].pid, signal.SIGKILL)
        phone.started[0].wait()
    assert phone.is_awake() and any("Stay awake" in note for note in phone.notes)
    with phone.stay_awake():
        assert phone.is_awake()
    assert phone.get(SCREEN) == "3" and phone.get("doze") == "1"


def test_one_that_is_not_done_yet_does_not_undo_the_next(phone):
    phone.set(SCREEN, "3")
    with phone.stay_awake(), phone.stay_awake():
        assert phone.started[0].wait(10) == -signal.SIGKILL
        assert phone.is_awake()
    assert phone.get(SCREEN) == "3" and phone.get("doze") == "1"


def test_what_a_phone_does_not_allow_is_told(phone):
    phone.program("input", "#!/bin/sh\necho 'INJECT_EVENTS' >&2\nexit 1\n")
    with phone.stay_awake():
        assert phone.is_awake()
    assert phone.notes == ["my phone: does not let its screen be kept on"]


def test_a_phone_without_settings_is_told(phone):
    phone.program("settings", "#!/bin/sh\necho 'no such service' >&2\nexit 20\n")
    with phone.stay_awake():
        pass
    assert "it may fall asleep while it is measured: no such service" in phone.notes[0]
