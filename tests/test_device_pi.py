"""The emulated Pi is what it says it is, and leaves nothing there."""

import contextlib
import errno
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from arm64.missing import CannotEmulate, check
from commands import ROOT
from device_pi.server import make_key
from device_pi.settings import Settings

pytestmark = pytest.mark.pi
SCRIPT = ROOT / "tests" / "device_pi"
FILL = f"""
import os
try:
    with open("fill", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
except OSError as error:
    print(error.errno == {errno.ENOSPC}, os.path.getsize("fill") >> 20)
"""


def ssh(pi, *words, options=(), input=None, timeout_s=120):
    command = pi.ssh_command(*words)
    return subprocess.run(
        [command[0], *options, *command[1:]],
        input=input,
        stdin=None if input is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def start_session(pi, *words):
    """ssh running in the background: the device has written a first line."""
    session = subprocess.Popen(
        pi.ssh_command(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert session.stdout.readline() == "started\n"
    return session


@pytest.fixture
def started_script():
    """``python tests/device_pi`` in a process of its own; its ssh command."""
    try:
        check("emulated Pi", ("ssh",), "install.sh")
    except CannotEmulate as reason:
        pytest.skip(str(reason))
    process = subprocess.Popen(
        [sys.executable, SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    assert line, process.stderr.read()
    yield process, shlex.split(line)
    process.terminate()
    process.communicate()


def children(pid):
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes_of(namespace):
    """Every process that is in that user namespace, and not only waits to be waited for."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            ended = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if os.readlink(process / "ns" / "user") == namespace and not ended:
                found.append(int(process.name))
    return found


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "never"
        time.sleep(0.02)


def machine_state():
    formats = sorted(os.listdir("/proc/sys/fs/binfmt_misc"))
    return Path("/proc/mounts").read_text(), formats


def test_what_runs_on_it_is_aarch64(emulated_pi):
    elf = "open(sys.executable, 'rb').read(20)[18]"
    code = f"import platform, sys; print(platform.machine(), {elf})"
    done = ssh(emulated_pi, f"uname -m; id -un; pwd; echo $SHELL; python3 -c {shlex.quote(code)}")
    machine_of_elf = 183  # EM_AARCH64
    assert done.stdout.splitlines() == [
        "aarch64", "pi", "/home/pi", "/bin/bash", f"aarch64 {machine_of_elf}"
    ], done.stderr  # fmt: skip
    assert "GenuineIntel" not in done.stdout


def test_it_is_the_processor_of_a_pi_4(emulated_pi):
    """A Cortex-A72 has no dot product: kernels that want it are not chosen, as on the board."""
    code = "import ctypes; print(bool(ctypes.CDLL(None).getauxval(16) >> 20 & 1))"
    done = ssh(emulated_pi, f"python3 -c {shlex.quote(code)}")
    assert done.stdout == "False\n", done.stderr


def test_the_kernel_tells_of_that_processor_and_its_cores(emulated_pi):
    """Runtimes read this first; where they cannot, they take their slowest kernels."""
    assert "Model name:          Cortex-A72\n" in ssh(emulated_pi, "lscpu").stdout
    cores = f"0-{os.cpu_count() - 1}\n"
    lists = "cd /sys/devices/system/cpu && cat online possible present"
    assert ssh(emulated_pi, lists).stdout == 3 * cores


def test_an_unknown_processor_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="expected one of: cortex-a53 cortex-a72 cortex-a76"):
        Settings("root", "state", cpu="z80")


def test_a_terminal_and_file_transfer_are_there(emulated_pi, tmp_path):
    assert ssh(emulated_pi, "tty", options=["-tt"]).stdout.startswith("/dev/pts/")
    (tmp_path / "here").write_text("content")
    batch = f'put "{tmp_path}/here" there\nget there "{tmp_path}/back"\nrm there\n'
    command = ["sftp", "-b", "-", "-F", str(emulated_pi.ssh_config), emulated_pi.name]
    subprocess.run(command, input=batch, text=True, capture_output=True, check=True, timeout=60)
    assert (tmp_path / "back").read_text() == "content"


def test_a_second_device_is_from_the_same_root_and_clean(emulated_pi, start_pi):
    ssh(emulated_pi, "touch left-over")
    other = start_pi()
    assert ssh(other, "ls").stdout == ""
    assert ssh(emulated_pi, "ls; rm left-over").stdout == "left-over\n"


def test_a_root_is_made_whole_or_not_at_all_and_once(emulated_pi, tmp_path):
    make = [
        sys.executable, "-c", "from device_pi.root import cached_root; print(cached_root())"
    ]  # fmt: skip
    path = f"{ROOT}:{ROOT / 'tests'}"
    settings = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path)}
    maker = subprocess.Popen(make, env=settings, stderr=subprocess.DEVNULL)
    unfinished = tmp_path / "mobilenet-deploy-tests" / "unfinished" / "usr" / "bin"
    until(unfinished.exists)
    maker.kill()
    maker.wait()
    done = subprocess.run(make, env=settings, capture_output=True, text=True)
    root = Path(done.stdout.strip())
    assert (root / "home" / "pi").is_dir(), done.stderr
    assert sorted(os.listdir(root.parent)) == sorted([root.name, "lock"])
    again = subprocess.run(make, env={**settings, "PATH": ""}, capture_output=True, text=True)
    assert (Path(again.stdout.strip()), again.stderr) == (root, "")


def test_the_host_key_is_the_announced_one(emulated_pi, tmp_path):
    strict = ["-o", "StrictHostKeyChecking=yes"]
    assert ssh(emulated_pi, "true", options=strict).returncode == 0
    make_key(tmp_path / "key")
    kind, key, _ = (tmp_path / "key.pub").read_text().split()
    other = tmp_path / "known_hosts"
    other.write_text(f"[{emulated_pi.host}]:{emulated_pi.port} {kind} {key}\n")
    done = ssh(emulated_pi, "true", options=[*strict, "-o", f"UserKnownHostsFile={other}"])
    assert done.returncode == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_another_key_is_refused_and_no_password_is_asked_for(emulated_pi, tmp_path):
    make_key(tmp_path / "key")
    # The first IdentityFile would be followed by the right one of the file.
    config = emulated_pi.ssh_config.read_text().replace(
        str(emulated_pi.identity), str(tmp_path / "key")
    )
    (tmp_path / "config").write_text(config)
    done = subprocess.run(
        ["ssh", "-F", tmp_path / "config", emulated_pi.name, "true"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 255
    assert "Permission denied (publickey)." in done.stderr


def test_without_internet_there_is_no_way_out(emulated_pi):
    code = "import socket; socket.create_connection(('127.0.0.1', 1), 5)"
    assert "Network is unreachable" in ssh(emulated_pi, f'python3 -c "{code}"').stderr
    code = "import socket; socket.getaddrinfo('debian.org', 80)"
    assert "socket.gaierror" in ssh(emulated_pi, f'python3 -c "{code}"').stderr


def test_a_reboot_ends_what_runs_and_keeps_what_was_written(start_pi):
    pi = start_pi()
    session = start_session(pi, "echo kept > file; echo started; exec sleep 1000")
    port = pi.port
    pi.power_off()
    assert session.wait(timeout=30) == 255
    assert "Connection refused" in ssh(pi, "true").stderr
    pi.power_on()
    assert ssh(pi, "cat file").stdout == "kept\n"
    assert pi.port == port
    assert "sleep" not in pi.exec(["ps", "ax"]).stdout


def test_a_cut_connection_leaves_the_device_running(start_pi):
    pi = start_pi()
    session = start_session(pi, "(setsid sleep 1000 &) ; echo started; exec sleep 1000")
    pi.disconnect()
    assert session.wait(timeout=30) == 255
    assert "sleep 1000" in pi.exec(["ps", "ax"]).stdout
    assert ssh(pi, "true").returncode == 0


def test_a_silent_connection_is_noticed_only_by_who_asks(start_pi):
    pi = start_pi()
    session = start_session(pi, "echo started; exec cat")
    pi.hang()
    session.stdin.write("anybody?\n")
    session.stdin.flush()
    assert select.select([session.stdout], [], [], 1.0) == ([], [], [])
    assert session.poll() is None
    pi.resume()
    session.stdin.close()
    assert session.stdout.read() == "anybody?\n"
    assert session.wait(timeout=30) == 0


@pytest.mark.parametrize(
    "options, folder",
    [({"small_disks_mib": {"/home/pi/.cache/small": 3}}, ".cache/small"), ({"disk_mib": 3}, ".")],
)
def test_a_full_disk_says_so(start_pi, options, folder):
    pi = start_pi(**options)
    done = ssh(pi, f"cd {folder} && python3 -", input=FILL)
    full, written_mib = done.stdout.split()
    assert full == "True", done.stderr
    assert int(written_mib) <= 3


def test_pip_reaches_its_index_where_the_device_has_internet(start_pi):
    here = [sys.executable, "-m", "pip", "index", "versions", "six"]
    if subprocess.run(here, capture_output=True).returncode:
        pytest.skip("pip here has no index either")
    pi = start_pi(internet=True)
    wheels = "/usr/share/python-wheels/"
    pip = f"PYTHONPATH=$(echo {wheels}pip-*.whl) python3 -m pip download --no-deps six -d got"
    done = ssh(pi, f"{pip} && ls got", timeout_s=300)
    assert done.stdout.splitlines()[-1].startswith("six-"), done.stderr


@pytest.mark.parametrize("victim", ["the script", "its machine"])
def test_nothing_is_left_when_it_is_killed(started_script, victim):
    process, command = started_script
    (machine,) = children(process.pid)
    namespace = os.readlink(f"/proc/{machine}/ns/user")
    before = machine_state()
    session = subprocess.Popen(
        [*command, "(setsid sleep 1000 &) ; echo started; exec sleep 1000"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert session.stdout.readline() == "started\n"
    assert len(processes_of(namespace)) >= 7
    assert machine_state() == before
    os.kill(process.pid if victim == "the script" else machine, signal.SIGKILL)
    assert session.wait(timeout=30) == 255
    until(lambda: not processes_of(namespace))
    assert machine_state() == before
    until(lambda: not Path(command[2]).parent.exists())


@pytest.mark.parametrize("state", ["as it should", "stopped"])
def test_ctrl_c_ends_it(started_script, state):
    process, command = started_script
    (machine,) = children(process.pid)
    namespace = os.readlink(f"/proc/{machine}/ns/user")
    if state == "stopped":
        (holder,) = children(machine)
        (init,) = children(holder)
        os.kill(init, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    until(lambda: not processes_of(namespace))
    assert not Path(command[2]).parent.exists()


def test_what_is_missing_is_one_line(tmp_path):
    for name in ("ssh-keygen", "unshare", "nsenter"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [sys.executable, SCRIPT],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert done.stderr == (
        "error: no emulated Pi: ssh is not installed; "
        "tests/device_pi/install.sh installs it on Debian\n"
    )
