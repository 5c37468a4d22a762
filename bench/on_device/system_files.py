"""Files in which Linux tells of the machine."""

import glob
import re

ASKING_S = 5.0  # for whatever is asked about the machine


def read_all(pattern):
    """The contents of those files of a pattern that can be read, cpu2 before cpu10."""
    found = []
    for path in sorted(glob.glob(pattern), key=lambda path: (len(path), path)):
        try:
            with open(path, errors="replace") as file:
                found.append(file.read().strip())
        except OSError:
            continue  # the core is offline, the zone is asleep
    return found


def read_text(path):
    """The contents of that file; None where it cannot be read."""
    return next(iter(read_all(glob.escape(path))), None)


def whole(text):
    """The number that ``text`` is, of up to 18 digits; None where it is none."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None
