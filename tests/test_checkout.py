"""Files as editors and checkouts of other systems leave them."""

import shutil
import subprocess

import pytest
from commands import ROOT

from bench.devices.settings import read_devices
from bench.gates.limits import read_limits
from models.checked_json import LARGEST_FILE
from models.command_line.errors import RequestError
from quantize.methods.settings import tables

BOM = b"\xef\xbb\xbf"
READERS = {
    "gate": (read_limits, b"[accuracy]\nmax_drop_points = 0.5\n"),
    "devices": (read_devices, b'[pi4]\ntransport = "ssh"\nhost = "pi4"\n'),
    "export": (tables, b"[int8]\nmin_sqnr_db = 30\n"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_mark_of_windows_editors_and_their_line_ends_are_no_content(tmp_path, name):
    read, content = READERS[name]
    path = tmp_path / f"{name}.toml"
    path.write_bytes(content)
    plain = read(path)
    path.write_bytes(BOM + content.replace(b"\n", b"\r\n"))
    assert plain and read(path) == plain


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"a = '\xe9'\n",
        "[a]\n".encode("utf-16"),
        b"a = " + b"[" * 100_000,
        b"\x00",
        BOM + BOM,
        b"a." * 3000 + b"b = 1\n",
        b"a = " + b"9" * 5000,
        b"a = 9223372036854775808\n",
        b"#" * (LARGEST_FILE + 1),
    ],
    ids=[
        "latin-1",
        "utf-16",
        "nested",
        "nul",
        "two marks",
        "endless key",
        "endless number",
        "65 bits",
        "endless",
    ],
)
def test_what_is_no_toml_is_refused_with_its_name(tmp_path, name, content):
    path = tmp_path / f"{name}.toml"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=str(path)) as refused:
        READERS[name][0](path)
    assert len(str(refused.value)) < 400


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize("file", ["Makefile", "set_up/find_python.sh", "bench/on_device/runner.py"])
def test_a_checkout_on_windows_has_line_feeds(file):
    words = ["git", "check-attr", "eol", "--", file]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.endswith(": lf\n")
