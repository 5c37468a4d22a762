"""Folders that another user can reach."""

import tempfile
from pathlib import Path


def open_to_others(folder: Path) -> None:
    """Let every user look into ``folder`` and those that it is in: pytest makes them for one."""
    temporary = Path(tempfile.gettempdir())
    for place in (folder, *folder.parents):
        if place == temporary or temporary not in place.parents:
            break
        place.chmod(0o755)
