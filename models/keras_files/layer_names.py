"""Names of layers that TensorFlow takes as scopes and that Keras 3 takes at all."""

import re
import unicodedata
from collections.abc import Iterable

SAFE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.-]*")
SHOWN = 3


class SafeNames:
    """Gives each stored name one that is safe; the same where it is so already."""

    def __init__(self, stored: Iterable[str]) -> None:
        self.taken = set(stored)
        self.changed: dict[str, str] = {}

    def of(self, stored: str) -> str:
        """The name to use for ``stored``: ASCII, no spaces or slashes, no two of them the same."""
        if SAFE.fullmatch(stored):
            return stored
        if stored not in self.changed:
            ascii_only = unicodedata.normalize("NFKD", stored).encode("ascii", "ignore").decode()
            base = re.sub(r"[^A-Za-z0-9_.-]+", "_", ascii_only).strip("_-") or "layer"
            name, number = base, 2
            while name in self.taken:
                name, number = f"{base}_{number}", number + 1
            self.taken.add(name)
            self.changed[stored] = name
        return self.changed[stored]

    def note(self) -> str | None:
        """A sentence about the names that were changed; None where none was."""
        if not self.changed:
            return None
        listed = [f"'{old}' is {new}" for old, new in list(self.changed.items())[:SHOWN]]
        more = len(self.changed) - SHOWN
        tail = f" and {more} more" if more > 0 else ""
        return f"layers renamed, as TensorFlow takes no such names: {', '.join(listed)}{tail}"
