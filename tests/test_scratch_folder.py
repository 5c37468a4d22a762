"""Temporary folders go with their owner, however it ends."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, environment
from small_disk import small_disk

from bench.__main__ import main
from bench.devices.runner_archive import runner_file
from bench.history.history import History
from models.command_line.errors import DeviceError
from models.command_line.scratch import scratch_folder
from models.scratch.folder_lock import locked, locked_if_left

PAGE = os.sysconf("SC_PAGE_SIZE")
OWNER = """
import sys
from models.command_line.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "images.npy").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder that TMPDIR names."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield tmp_path
    monkeypatch.undo()


@pytest.fixture
def owner(temporary):
    """A process that has such a folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=ROOT, env=environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_a_folder_is_there_until_the_block_ends(temporary):
    with scratch_folder() as folder:
        assert folder.parent == temporary and folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next(temporary, owner):
    process, left = owner
    process.kill()
    process.wait()
    assert (left / "deep" / "images.npy").exists()
    with scratch_folder() as folder:
        assert list(temporary.iterdir()) == [folder]


def test_the_folder_of_a_process_that_runs_is_let_alone(temporary, owner):
    process, used = owner
    with scratch_folder():
        assert (used / "deep" / "images.npy").exists()
    process.communicate("end\n")
    assert process.returncode == 0 and not used.exists()


def test_nothing_that_only_looks_like_one_is_removed(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").touch()
    (temporary / "mobilenet-deploy-link").symlink_to(elsewhere)
    (temporary / "mobilenet-deploy-file").touch()
    (temporary / "other").mkdir()
    if os.geteuid() == 0:
        (temporary / "mobilenet-deploy-theirs").mkdir()
        os.chown(temporary / "mobilenet-deploy-theirs", 12345, 12345)
    before = sorted(temporary.iterdir())
    with scratch_folder():
        pass
    assert sorted(temporary.iterdir()) == before and (elsewhere / "file").exists()


def test_a_full_temporary_folder_is_named(temporary, monkeypatch):
    with small_disk(temporary / "small") as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        (disk / "filler").write_bytes(b"x" * 1_040_000)
        message = pytest.raises(DeviceError, match=f"{disk}' cannot be written .No space.*TMPDIR=")
        with message, runner_file():
            pytest.fail("it does not fit")
        assert [path.name for path in disk.iterdir()] == ["filler"]


def test_a_temporary_folder_that_may_not_be_written_is_named(temporary, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "gone"))
    message = pytest.raises(DeviceError, match=f"{temporary}/gone' cannot be written.*TMPDIR=")
    with message, scratch_folder():
        pytest.fail("there is none")


@pytest.mark.parametrize("fault", [errno.EACCES, errno.ENOSPC])
def test_other_faults_are_not_a_full_disk(temporary, fault):
    """Of a disk that is elsewhere, too."""
    with pytest.raises(OSError) as raised, scratch_folder():
        raise OSError(fault, "no")
    assert raised.value.errno == fault


def test_a_folder_has_one_owner(tmp_path):
    def is_left(folder):
        with locked_if_left(folder) as found:
            return found

    assert is_left(tmp_path)
    with locked(tmp_path):
        assert not is_left(tmp_path)
    assert is_left(tmp_path) and not is_left(tmp_path / "nowhere")


def test_a_folder_that_another_took_for_left_is_made_again(temporary, monkeypatch):
    made = []

    def removed_once(path):
        made.append(path)
        if len(made) == 1:
            os.rmdir(path)
        return locked(path)

    monkeypatch.setattr("models.scratch.scratch_folder.locked", removed_once)
    with scratch_folder() as folder:
        assert made[1:] == [str(folder)] and folder.is_dir()


def test_no_place_for_temporary_folders_is_said_with_what_to_set(monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    refused = pytest.raises(DeviceError, match=r"No usable temporary directory.*TMPDIR=/path")
    with refused, scratch_folder():
        pass


@pytest.fixture
def nearly_full(tiny_project, keras_predictions, monkeypatch):
    """``nearly_full(bytes)``: a bench with so much room in TMPDIR; its exit code."""
    with small_disk(tiny_project / "small") as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        monkeypatch.setenv("TMPDIR", str(disk))

        def bench(free_bytes, *more):
            (disk / "filler").write_bytes(b"x" * (2**20 - free_bytes))
            chosen = ["--files", "float32.onnx", "--runtimes", "onnxruntime", *more]
            code = main(["run", "--model", "tiny.keras", "--data", "data.npz", *chosen])
            assert [path.name for path in disk.iterdir()] == ["filler"]
            return code

        yield bench


def test_images_that_do_not_fit_are_found_out_before_anything_is_measured(
    nearly_full, tiny_project, capsys
):
    assert nearly_full(PAGE) == 3
    message = capsys.readouterr().err
    assert f"{tiny_project}/small has 0.0 MiB free; 30 images" in message and "TMPDIR" in message
    assert History().listing(None) == []


def test_answers_that_do_not_fit_cost_their_row_alone_and_name_the_folder(
    nearly_full, tiny_project, capsys
):
    assert nearly_full(2 * PAGE) == 3
    (row,) = History().newest()
    assert f"cannot write {tiny_project}/small/mobilenet-deploy-" in row.result.error.message
    assert row.result.samples_ns


def test_a_profile_that_does_not_fit_names_the_folder(nearly_full, tiny_project, capsys):
    assert nearly_full(4 * PAGE, "--profile", "1") == 0
    shown = capsys.readouterr().out
    assert "profile is not whole (JSONDecodeError: " in shown
    assert f"whether {tiny_project}/small is full, or set TMPDIR" in shown
