"""Users without a name, and homes that are not there, not writable or full."""

import numpy as np
import pytest
from commands import run
from nameless_user import NAMELESS, as_nameless
from small_disk import small_disk

from bench.devices.platform import owner
from models import kept_outputs
from models.command_line.cache import cache_folder

OUTPUTS = np.arange(6, dtype=np.float32)


def test_a_user_without_a_name_leases_a_device():
    assert as_nameless(owner).startswith(f"user {NAMELESS}@")


def test_downloads_of_a_user_without_a_home_say_what_to_set():
    said = as_nameless(lambda: str(cache_folder("weights")))
    assert said.startswith("DeviceError: this user has no home folder to keep weights in")
    assert "XDG_CACHE_HOME" in said
    assert as_nameless(lambda: str(cache_folder("weights")), XDG_CACHE_HOME="/there") == (
        "/there/mobilenet-deploy/weights"
    )


def kept_and_read():
    kept_outputs.write("key", b"outputs")
    return repr(kept_outputs.read("key"))


@pytest.mark.parametrize("home", [None, "/", "/nowhere", "/root", "/dev/null"])
def test_outputs_that_cannot_be_kept_are_a_note(home, capfd):
    assert as_nameless(kept_and_read, **({"HOME": home} if home else {})) == "None"
    said = capfd.readouterr().err
    assert "note: Keras's outputs cannot be kept" in said and "XDG_CACHE_HOME" in said


def test_a_full_disk_leaves_no_part_of_kept_outputs(tmp_path, monkeypatch, capfd):
    with small_disk(tmp_path / "home") as home:
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        kept_outputs.write("key", bytes(2**21))
        assert not any(path.is_file() for path in home.rglob("*"))
    assert "No space left on device" in capfd.readouterr().err


@pytest.mark.parametrize("place", [0, 40, -1, None])
def test_kept_outputs_that_are_damaged_are_not_used(tmp_path, monkeypatch, capfd, place):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept_outputs.write("key", OUTPUTS.tobytes())
    assert kept_outputs.read("key") == OUTPUTS.tobytes() and capfd.readouterr().err == ""
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    content = bytearray(path.read_bytes())
    if place is None:
        del content[20:]
    else:
        content[place] ^= 1
    path.write_bytes(content)
    assert kept_outputs.read("key") is None
    assert "was damaged" in capfd.readouterr().err
    kept_outputs.write("key", OUTPUTS.tobytes())
    assert kept_outputs.read("key") == OUTPUTS.tobytes()


def test_a_folder_in_the_place_of_kept_outputs_is_a_note(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (cache_folder("reference") / "key.checked").mkdir(parents=True)
    assert kept_and_read() == "None"
    assert "note: " in capfd.readouterr().err


def test_a_cache_below_the_current_folder_is_no_cache(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder("weights").is_absolute()


def test_histograms_that_cannot_be_written_are_found_out_before_the_work(tmp_path):
    (tmp_path / "results").write_text("a file in the place of the folder")
    done = run("quantize", "--arch", "v2", cwd=tmp_path)
    assert done.returncode == 2 and "loading the network" not in done.stderr
    assert "error: the histograms cannot be written to results" in done.stderr
