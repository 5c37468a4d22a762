"""Temporary folders: gone with their owner, however that ended; a full one is named."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT

from models.command_line import scratch
from models.command_line.errors import RequestError
from models.command_line.folder_lock import has_no_owner, locked
from models.data.saved_images import write_rows

OWNER = """
import sys, time
sys.path.insert(0, {root!r})
from models.command_line.scratch import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def aged(folder):
    """``folder`` as if it had been made a minute ago."""
    then = time.time() - 60
    os.utime(folder, (then, then))
    return folder


def test_a_folder_is_gone_after_use_and_after_an_error(temporary):
    with scratch.scratch_folder() as folder:
        (folder / "file").touch()
        assert folder.parent == temporary
    with pytest.raises(ValueError), scratch.scratch_folder() as folder:
        raise ValueError
    assert list(temporary.iterdir()) == []


def test_what_a_killed_owner_left_goes_at_the_next_start_and_no_other(temporary):
    command = [sys.executable, "-c", OWNER.format(root=str(ROOT))]
    alive, killed = (subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in "ab")
    kept, left = (aged(owner.stdout.readline().strip()) for owner in (alive, killed))
    killed.kill()
    killed.wait()
    other = temporary / "somebody-elses"
    other.mkdir()
    aged(other)
    with scratch.scratch_folder():
        assert os.path.isdir(kept) and not os.path.exists(left) and other.is_dir()
    alive.kill()
    alive.wait()


def test_a_new_folder_is_not_taken_for_left(temporary):
    (temporary / f"{scratch.PREFIX}new").mkdir()
    with scratch.scratch_folder():
        assert (temporary / f"{scratch.PREFIX}new").is_dir()


def test_a_folder_has_one_owner(tmp_path):
    assert has_no_owner(tmp_path)
    with locked(tmp_path):
        assert not has_no_owner(tmp_path)
    assert has_no_owner(tmp_path)
    assert not has_no_owner(tmp_path / "nowhere")


def test_a_full_temporary_folder_is_named(temporary, monkeypatch):
    class Full:
        free = 0

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Full)
    said = rf"'{temporary}' cannot be written \(No space.*TMPDIR="
    with pytest.raises(RequestError, match=said), scratch.scratch_folder():
        write_rows(Path("/dev/full"), (2, 3), np.zeros((2, 3)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_temporary_folder_that_cannot_be_written_is_named(temporary):
    temporary.chmod(0o500)
    with pytest.raises(RequestError, match="cannot be written"), scratch.scratch_folder():
        pass


@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_rows_are_a_file_of_as_many_as_there_are(rows, tmp_path):
    values = np.random.default_rng(0).normal(size=(rows, 4, 2)).astype(np.float32)
    write_rows(tmp_path / "rows.npy", (5, 4, 2), values)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), values)
    assert os.listdir(tmp_path) == ["rows.npy"]


def test_rows_may_come_several_at_a_time(tmp_path):
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    write_rows(tmp_path / "rows.npy", (6, 2), [values[:2], values[2:]])
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), values)


def test_no_place_for_temporary_folders_is_said_with_what_to_set(monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    refused = pytest.raises(RequestError, match=r"No usable temporary directory.*TMPDIR=/path")
    with refused, scratch.scratch_folder():
        pass
