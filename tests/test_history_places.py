"""A history on a share, on a medium that cannot be written, or of another user."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, environment
from history_records import record
from nameless_user import as_nameless
from open_to_others import open_to_others

from bench.__main__ import main
from bench.history.history import History
from models.command_line.errors import DeviceError

READING = (["list"], ["show", "1"], ["compare", "1", "2"], ["export", "--csv"],
           ["export", "--json"], ["report", "--markdown"], ["report", "--json"])  # fmt: skip
NO_SHARED_MEMORY = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static int refused(int flags, int fd) {
  char link[64], path[4096];
  if (fd < 0 || !(flags & MAP_SHARED)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path);
  return n > 4 && !strncmp(path + n - 4, "-shm", 4);
}
#define MAP(name, offset) \\
  void *name(void *a, size_t l, int p, int f, int fd, offset o) { \\
    void *(*real)(void *, size_t, int, int, int, offset) = dlsym(RTLD_NEXT, #name); \\
    if (refused(f, fd)) { errno = ENODEV; return MAP_FAILED; } \\
    return real(a, l, p, f, fd, o); \\
  }
MAP(mmap, off_t)
MAP(mmap64, off64_t)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a history of two runs, that anybody may enter."""
    monkeypatch.chdir(tmp_path)
    open_to_others(tmp_path)
    for _ in range(2):
        History().append(record())
    return tmp_path


@pytest.fixture
def without_shared_memory(tmp_path_factory):
    """The environment of a process to which 9p, virtiofs and sshfs look like this: a file cannot be
    mapped as memory that is shared."""
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("share")
    (folder / "share.c").write_text(NO_SHARED_MEMORY)
    words = [compiler, "-shared", "-fPIC", "-o", folder / "share.so", folder / "share.c", "-ldl"]
    subprocess.run(words, check=True)
    return {**environment(), "LD_PRELOAD": str(folder / "share.so")}


def leave_a_journal(path):
    """A run that is in the journal only, as that of a bench that was killed."""
    pid = os.fork()
    if pid == 0:
        keeping = sqlite3.connect(path)
        keeping.execute("SELECT * FROM runs").fetchone()
        History(path).append(record(device="third"))
        os._exit(0)
    os.waitpid(pid, 0)
    assert path.with_name("bench.sqlite-wal").stat().st_size


def outcomes():
    """Exit codes of the commands that read, in the current folder."""
    codes = {" ".join(words): main(words) for words in READING}
    return [codes, sorted(path.name for path in Path("results").iterdir())]


def files():
    return sorted(path.name for path in Path("results").iterdir())


@pytest.mark.parametrize("journal", [False, True])
@pytest.mark.parametrize("file, folder", [(0o644, 0o755), (0o666, 0o755), (0o444, 0o777)])
def test_a_history_of_another_user_is_read(project, capfd, journal, file, folder):
    if journal:
        leave_a_journal(History().path)
    before = files()
    for path in Path("results").iterdir():
        path.chmod(file)
    Path("results").chmod(folder)
    codes, after = as_nameless(outcomes)
    assert set(codes.values()) == {0}, capfd.readouterr().err
    assert after == before  # files of a reader would be in the way of whoever writes
    runs = as_nameless(lambda: len(History().listing(None)))
    assert runs == (3 if journal else 2)


@pytest.mark.parametrize("journal", [False, True])
def test_a_history_on_a_medium_that_cannot_be_written_is_read(project, capfd, journal):
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    if journal:
        leave_a_journal(History().path)
    with contextlib.ExitStack() as mounted:
        for options in (["--bind"], ["-o", "remount,bind,ro"]):
            done = subprocess.run(["mount", *options, "results", "results"], capture_output=True)
            if done.returncode:
                pytest.skip(f"cannot be mounted here: {done.stderr}")
            if options == ["--bind"]:
                mounted.callback(subprocess.run, ["umount", project / "results"], check=True)
        assert set(outcomes()[0].values()) == {0}, capfd.readouterr().err
        assert len(History().listing(None)) == (3 if journal else 2)
        assert main(["report"]) == 2 and "--out-file" in capfd.readouterr().err
        with pytest.raises(
            DeviceError, match=r"it (may not be written|cannot be opened) .*allow writing"
        ):
            History().check()


@pytest.mark.parametrize("closed", ["results", "results/bench.sqlite"])
def test_a_history_that_may_not_be_read_is_said(project, capfd, closed):
    Path(closed).chmod(0)
    for words in READING:
        code = as_nameless(lambda words=words: main(words))
        said = capfd.readouterr().err
        assert code == 3 and said.count("\n") == 1
        assert "results/bench.sqlite cannot be" in said and "allow " in said


USE = """
from bench.history.history import History
from history_records import record
history = History()
history.check()
print(history.append(record()), len(history.listing(None)))
"""


@pytest.mark.parametrize("there", ["nothing", "a history", "a journal"])
def test_a_share_without_shared_memory_keeps_a_history(project, without_shared_memory, there):
    if there == "nothing":
        shutil.rmtree("results")
    if there == "a journal":
        leave_a_journal(History().path)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    first = {"nothing": 1, "a history": 3, "a journal": 4}[there]
    for number in (first, first + 1):
        done = subprocess.run(
            [sys.executable, "-c", USE],
            env={**without_shared_memory, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert done.stdout == f"{number} {number}\n", done.stderr
    assert len(History().listing(None)) == first + 1  # on a local disk, too


@pytest.mark.parametrize("kind", ["a folder", "no regular file"])
def test_what_is_no_file_in_the_place_of_a_history_is_said(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    make = os.mkdir if kind == "a folder" else os.mkfifo
    make("results/bench.sqlite")
    for use in (History().check, lambda: History().listing(None)):
        with pytest.raises(DeviceError, match=f"it is {kind}; move it away"):
            use()
