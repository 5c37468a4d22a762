"""The frequency governor is set while the bench runs, and put back however that ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from commands import ROOT, environment

from bench.__main__ import main
from bench.devices.governor import governed
from bench.engine.measure_options import MeasureOptions
from bench.history.history import History
from models.command_line.errors import DeviceError, RequestError

pytestmark = pytest.mark.waits

NOBODY = 65534
# As the real one it may write what the user may not, and wants no password.
SUDO = """#!/bin/sh
[ "$1" = -n ] || exit 9
shift
chmod u+w "$2"; "$@"; code=$?; chmod u-w "$2"; exit $code
"""
REFUSING = "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n"


@pytest.fixture
def user():
    """A folder of a user who is not root, and what starts a program as that user."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    as_nobody = {"user": NOBODY} if os.geteuid() == 0 else {}

    def start(argv):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *((NOBODY, NOBODY) if as_nobody else (-1, -1)))
        others = ":/usr/bin:/bin" if (folder / "bin").exists() else ""
        assert argv[0] == "sh"
        return subprocess.Popen(
            ["/bin/sh", *argv[1:]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, env={"PATH": f"{folder}/bin{others}"}, **as_nobody,
        )  # fmt: skip

    yield folder, start
    shutil.rmtree(folder)


def cores(folder, *governors, available="ondemand performance"):
    """A /sys with these governors; the user may read them."""
    for number, governor in enumerate(governors):
        policy = folder / f"sys/devices/system/cpu/cpu{number}/cpufreq"
        policy.mkdir(parents=True)
        (policy / "scaling_available_governors").write_text(available + " \n")
        (policy / "scaling_governor").write_text(governor + "\n")
        (policy / "scaling_governor").chmod(0o444)
    return str(folder / "sys")


def program(folder, script):
    (folder / "bin").mkdir()
    (folder / "bin" / "sudo").write_text(script)
    (folder / "bin" / "sudo").chmod(0o755)


def governors(folder):
    found = sorted(folder.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"))
    return [path.read_text().strip() for path in found]


def test_every_core_gets_the_governor_and_then_its_former_one(user):
    folder, start = user
    root, notes = cores(folder, "ondemand", "schedutil", "performance"), []
    program(folder, SUDO)
    with governed(start, "pi4", "performance", notes.append, root):
        assert governors(folder) == ["performance"] * 3
    assert governors(folder) == ["ondemand", "schedutil", "performance"] and not notes


def test_a_core_that_is_off_is_let_alone(user):
    """Some systems still show what it had; what is written there is refused."""
    folder, start = user
    root, notes = cores(folder, "ondemand", "userspace", "powersave"), []
    (folder / "sys/devices/system/cpu/cpu1/online").write_text("0\n")
    (folder / "sys/devices/system/cpu/cpu2/online").write_text("1\n")
    program(folder, SUDO)
    with governed(start, "pi4", "performance", notes.append, root):
        assert governors(folder) == ["performance", "userspace", "performance"]
    assert governors(folder) == ["ondemand", "userspace", "powersave"] and not notes


def test_the_former_governor_is_back_when_the_block_fails(user):
    folder, start = user
    root = cores(folder, "ondemand")
    program(folder, SUDO)
    with pytest.raises(ZeroDivisionError), governed(start, "pi4", "performance", print, root):
        1 / 0  # noqa: B018
    assert governors(folder) == ["ondemand"]


def test_the_former_governor_is_back_when_the_bench_is_killed(tmp_path):
    root = cores(tmp_path, "ondemand")
    code = f"""
import time
from bench.devices.host import Host
from bench.devices.governor import governed
with governed(Host().start_program, "host", "performance", print, {root!r}):
    print("set", flush=True)
    time.sleep(600)
"""
    bench = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), stdout=subprocess.PIPE
    )
    assert bench.stdout.readline() == b"set\n" and governors(tmp_path) == ["performance"]
    bench.kill()
    bench.communicate()
    end = time.monotonic() + 120
    while governors(tmp_path) != ["ondemand"]:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "message"), [(REFUSING, "a password is required"), (None, "sudo: not found")]
)
def test_a_governor_that_may_not_be_set_says_what_to_do(user, script, message):
    folder, start = user
    root, notes = cores(folder, "ondemand"), []
    if script:
        program(folder, script)
    with (
        pytest.raises(
            DeviceError, match=rf"pi4 does not let .*{message}.*echo performance \| sudo"
        ),
        governed(start, "pi4", "performance", notes.append, root),
    ):
        pytest.fail("the block must not run")
    assert governors(folder) == ["ondemand"]


def test_a_core_that_keeps_its_governor_is_an_error_and_the_others_get_theirs_back(user):
    folder, start = user
    root, notes = cores(folder, "ondemand", "powersave"), []
    program(folder, SUDO.replace('"$@";', 'case $2 in *cpu1*) ;; *) "$@";; esac;'))
    with (
        pytest.raises(DeviceError, match="it stayed powersave"),
        governed(start, "pi4", "performance", notes.append, root),
    ):
        pytest.fail("the block must not run")
    assert governors(folder) == ["ondemand", "powersave"] and not notes


def test_a_phone_is_not_told_of_sudo(user):
    folder, start = user
    root = cores(folder, "walt")
    program(folder, SUDO)
    (folder / "bin" / "getprop").write_text("#!/bin/sh\n")
    (folder / "bin" / "getprop").chmod(0o755)
    message = pytest.raises(DeviceError, match=r"is a phone.*leave GOVERNOR out")
    with message, governed(start, "android", "performance", print, root):
        pass
    assert governors(folder) == ["walt"]


def test_an_unknown_governor_is_refused_with_those_there_are(user):
    folder, start = user
    root = cores(folder, "ondemand", available="ondemand powersave")
    with (
        pytest.raises(RequestError, match="'performance'; pi4 has: ondemand powersave"),
        governed(start, "pi4", "performance", print, root),
    ):
        pytest.fail("the block must not run")


def test_a_machine_without_governors_is_told(user):
    folder, start = user
    with (
        pytest.raises(DeviceError, match="host has no frequency governor to set"),
        governed(start, "host", "performance", print, cores(folder)),
    ):
        pytest.fail("the block must not run")


def kept(start, begun):
    """``start``, whose process is put into ``begun`` too."""

    def starting(argv):
        begun.append(start(argv))
        return begun[-1]

    return starting


def test_a_governor_that_may_not_be_back_is_told(user):
    folder, start = user
    root, notes, begun = cores(folder, "ondemand"), [], []
    program(folder, SUDO)
    with governed(kept(start, begun), "pi4", "performance", notes.append, root):
        begun[0].kill()  # as when the device is switched off
    assert len(notes) == 1 and "pi4: its former governor may not be back" in notes[0]


def test_signals_of_a_terminal_that_goes_do_not_keep_the_governor_from_coming_back(user):
    folder, start = user
    root, notes, begun = cores(folder, "ondemand"), [], []
    program(folder, SUDO)
    with governed(kept(start, begun), "pi4", "performance", notes.append, root):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            os.killpg(begun[0].pid, number)
    assert governors(folder) == ["ondemand"] and not notes


def test_no_governor_starts_nothing():
    with governed(None, "pi4", "", print):
        pass


def test_nothing_is_measured_where_the_governor_cannot_be_set(
    tiny_project, keras_predictions, capsys
):
    asked = "run", "--model", "tiny.keras", "--data", "data.npz", "--governor", "no_such_governor"
    code, message = main(asked), capsys.readouterr()
    if list(Path("/sys/devices/system/cpu").glob("cpu*/cpufreq/scaling_governor")):
        assert code == 2 and "GOVERNOR is 'no_such_governor'" in message.err
    else:
        assert code == 3 and "no frequency governor to set" in message.err
    assert History().listing(None) == []


def test_a_governor_is_a_word():
    for wrong in ("per formance", "; reboot", "../x", "1"):
        with pytest.raises(RequestError, match="GOVERNOR is"):
            MeasureOptions(governor=wrong)
