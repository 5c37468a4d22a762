"""The git commit that a command ran at."""

import subprocess


def commit() -> str | None:
    """The commit of the folder this process is in, "+" behind it where tracked files had changed.

    None outside a repository, or where git is not installed.
    """
    command = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
