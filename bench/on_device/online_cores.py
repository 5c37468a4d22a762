"""The cores that are switched on, by their numbers, and what each of them tells.

The numbers are the system's own: a core that is switched off leaves a gap, and the position in a
list of files would be the number of another core.
"""

import glob
import os
import re

from bench.on_device.system_files import read_text, whole

MOST_CORES = 4096
CORES = "devices/system/cpu"


def online_cores(root="/sys"):
    """The numbers of the cores that are on; None where the system does not tell."""
    text = read_text(os.path.join(root, CORES, "online"))
    return None if text is None else parse_cores(text)


def parse_cores(text):
    """The numbers in a list of the kernel's, e.g. "0,2-3"; None where ``text`` is no such list."""
    cores = []
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if not found:
            return None
        first = int(found[1])
        cores += range(first, int(found[2] or first) + 1)
    return cores


def core_folders(root):
    """The folder of each core that is on, by its number, in their order."""
    online, found = online_cores(root), {}
    for folder in glob.glob(os.path.join(root, CORES, "cpu[0-9]*")):
        name = re.fullmatch("cpu([0-9]{1,4})", os.path.basename(folder))
        if name and int(name[1]) < MOST_CORES and (online is None or int(name[1]) in online):
            found[int(name[1])] = folder
    return dict(sorted(found.items()))


def told_by_cores(root, name):
    """The text of the file ``name`` of each core, by its number; only those that tell."""
    found = {}
    for core, folder in core_folders(root).items():
        text = read_text(os.path.join(folder, name))
        if text is not None:
            found[core] = text
    return found


def figures_by_core(told):
    """A list with the figure of core n at place n; 0: that core is off or does not tell."""
    figures = {core: whole(text) for core, text in told.items()}
    last = max((core for core, figure in figures.items() if figure is not None), default=-1)
    return [figures.get(core) or 0 for core in range(last + 1)]
