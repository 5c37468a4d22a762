"""Requests that are refused before the network is loaded, although they are about something else.

The MODEL of these tests is an empty file: a command that loaded it would complain of that.
"""

import pytest
from in_process import call


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("export", ["--data", "nowhere"], "DATA is 'nowhere', which does not exist"),
        ("export", ["--calib", "m.keras"], "CALIB is 'm.keras', a file of another kind"),
        ("export", ["--n-calib", "4"], "CALIB gives 4 images; expected at least 8"),
        ("export", [], "MODEL=m.keras was given no images"),
        ("export", ["--methods", "magic"], "METHODS has 'magic'"),
        ("export", ["--schemes", "int4"], "SCHEMES has 'int4'"),
        ("quantize", ["--observer", "eyes"], "observer is 'eyes'; expected one of: min-max"),
        ("quantize", ["--data", "nowhere"], "DATA is 'nowhere', which does not exist"),
        ("quantize", [], "run make quantize MODEL=m.keras CALIB=folder with a folder"),
        ("quantize", ["--n-calib", "4"], "CALIB gives 4 images; expected at least 8"),
    ],
)
def test_a_wrong_request_is_refused_before_the_model_is_loaded(
    tmp_path, command, arguments, message
):
    (tmp_path / "m.keras").touch()
    done = call(command, "--model", "m.keras", *arguments, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2
    assert len(lines) == 1 and message in lines[0]
