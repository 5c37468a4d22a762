"""Files are published whole: a manifest is there only beside the files that it describes."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from nameless_user import as_nameless
from open_to_others import open_to_others
from small_disk import small_disk
from tiny_models import write_export

from export.artifact import MANIFEST_NAME
from export.staging import publish, staging, stored_manifest
from models.command_line.errors import DeviceError
from models.scratch import folder_lock


@pytest.fixture
def folder(tmp_path):
    """An earlier export of four files."""
    write_export(tmp_path / "out", "network")
    return tmp_path / "out" / "network"


def write(temporary, *names):
    for name in names:
        (temporary / name).write_text("new")


@pytest.mark.parametrize("kept", [(), ("int8.onnx",)])
def test_the_files_of_an_export_replace_those_of_the_earlier_one(folder, kept):
    with staging(folder) as temporary:
        write(temporary, "int8.tflite", "float32.tflite", MANIFEST_NAME)
        publish(temporary, folder, kept, stored_manifest(folder))
    new = {file.name for file in folder.iterdir() if file.read_bytes() == b"new"}
    assert new == {"int8.tflite", "float32.tflite", MANIFEST_NAME}
    assert {file.name for file in folder.iterdir()} == new | set(kept)
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_no_manifest_is_left_beside_files_that_it_does_not_describe(folder, monkeypatch, moved):
    """Killed after so many files, the folder is one that must be exported again."""
    left, replace = [moved], os.replace

    def until_killed(source, target):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", until_killed)
    with pytest.raises(KeyboardInterrupt), staging(folder) as temporary:
        write(temporary, "a.tflite", "z.tflite", MANIFEST_NAME)
        publish(temporary, folder, (), stored_manifest(folder))
    assert not (folder / MANIFEST_NAME).exists()
    assert list(folder.parent.iterdir()) == [folder]


def test_an_export_that_fails_leaves_no_folder_that_it_made(tmp_path):
    with pytest.raises(ZeroDivisionError), staging(tmp_path / "new" / "deep" / "network"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["a link", "a mount"])
def test_a_folder_on_another_disk_gets_its_files(tmp_path, how):
    with small_disk(tmp_path / "disk") as disk:
        folder = tmp_path / "out" / "network" if how == "a link" else disk
        if how == "a link":
            folder.parent.mkdir()
            (disk / "network").mkdir()
            folder.symlink_to(disk / "network")
        publishing(folder, "a.tflite", "text")
        assert sorted(os.listdir(folder)) == ["a.tflite", "manifest.json"]
        assert os.listdir(disk) in (["network"], os.listdir(folder))
        assert folder.is_symlink() == (how == "a link")


def publishing(folder, name, text, kept=(), stored=None):
    """The end of an export that made one file."""
    with staging(folder) as temporary:
        (temporary / name).write_text(text)
        (temporary / "manifest.json").write_text(text)
        publish(temporary, folder, kept, stored)


def test_an_export_that_keeps_files_of_before_is_refused_where_another_changed_them(tmp_path):
    folder = tmp_path / "out" / "net"
    publishing(folder, "a.tflite", "first")
    stored = stored_manifest(folder)
    publishing(folder, "b.tflite", "second")
    with pytest.raises(DeviceError, match="another export wrote"):
        publishing(folder, "c.tflite", "third", kept={"a.tflite"}, stored=stored)
    assert stored_manifest(folder) == b"second" and not (folder / "c.tflite").exists()
    publishing(folder, "c.tflite", "fourth", {"b.tflite"}, stored_manifest(folder))
    assert os.listdir(tmp_path / "out") == ["net"]


def test_one_export_at_a_time_moves_its_files(tmp_path):
    """The second waits, so that every manifest is that of the files beside it."""
    folder = tmp_path / "net"
    with ThreadPoolExecutor(1) as pool:
        with folder_lock.locked(tmp_path):
            waiting = pool.submit(publishing, folder, "a.tflite", "text")
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
            assert not (folder / "manifest.json").exists()
        waiting.result(60)
    assert (folder / "manifest.json").exists()


@pytest.mark.parametrize("theirs", ["out", "out/net"])
def test_a_folder_of_another_user_is_refused_before_the_work(tmp_path, theirs):
    open_to_others(tmp_path)
    (tmp_path / "out" / "net").mkdir(parents=True)
    for folder in ("out", "out/net"):
        (tmp_path / folder).chmod(0o755 if folder == theirs else 0o777)
    said = as_nameless(lambda: publishing(tmp_path / "out" / "net", "a.tflite", "text"))
    assert f"the files cannot be written to {tmp_path / theirs} (Permission denied)" in said
    assert said.startswith("RequestError: OUT is ") and "OUT=/path/to/folder" in said
    assert os.listdir(tmp_path / "out") == ["net"] and os.listdir(tmp_path / "out" / "net") == []
