"""The shell of an Android phone and its tools, of this machine's processor."""

import shutil
import subprocess
from pathlib import Path

import pytest


def phone_shell(folder: Path) -> tuple[str, ...]:
    """The words that start mksh with no other tools but those of toybox, which get their names in
    ``folder``; the test is skipped where they are not installed."""
    for program in ("mksh", "toybox"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed here")
    tools, toybox = folder / "bin", shutil.which("toybox")
    tools.mkdir()
    for applet in subprocess.check_output([toybox], text=True).split():
        (tools / applet).symlink_to(toybox)
    (tools / "sh").symlink_to(shutil.which("mksh"))
    return ("env", f"PATH={tools}", str(tools / "sh"))
