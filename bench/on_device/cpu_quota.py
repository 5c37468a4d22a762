"""The CPU quota of this process's control groups, and how long it held the process back.

A container, a systemd unit or a Kubernetes pod may have so many milliseconds of processor time in
each period, on all cores together; when they are used up, every thread stops until the next one.
"""

import os

from bench.on_device.system_files import read_text, whole

CPU = "cpu"  # the controller of version 1
UNIFIED = ("", "unified")  # where version 2 is mounted: alone, or beside version 1


def cpu_quota(root="/"):
    """The smallest quota that holds for this process: {"cores", "file"}; None without one."""
    return min(quotas(root), key=lambda quota: quota["cores"], default=None)


def quotas(root):
    """Every quota of this process's control groups and of those above them."""
    found = []
    for folder in group_folders(root):
        for name, read in (("cpu.max", read_max), ("cpu.cfs_quota_us", read_cfs)):
            path = os.path.join(folder, name)
            cores = read(path)
            if cores:
                found.append({"cores": cores, "file": path})
    return found


def group_folders(root):
    """The folders of the control groups of both versions that limit this process, from its own up.

    In a container the mounted folder is its own group, whatever path the system tells: of that
    path's folders those count that are there.
    """
    found = []
    for line in (read_text(os.path.join(root, "proc/self/cgroup")) or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        mounts = ()
        if colon and number == "0" and not controllers:
            mounts = UNIFIED
        elif colon and CPU in controllers.split(","):
            mounts = (controllers, CPU)
        for mount in mounts:
            found += folders_above(os.path.join(root, "sys/fs/cgroup", mount), path)
    return list(dict.fromkeys(found))


def folders_above(base, path):
    """``base`` and the folders on the way from it to ``path``, the deepest first."""
    parts, folder, found = [p for p in path.split("/") if p not in ("", ".", "..")], base, [base]
    for part in parts:
        folder = os.path.join(folder, part)
        found.append(folder)
    return [folder.rstrip("/") for folder in reversed(found) if os.path.isdir(folder)]


def read_max(path):
    """Cores of a quota in version 2, e.g. "150000 100000"; None where there is none ("max")."""
    words = (read_text(path) or "").split()
    return ratio(*words) if len(words) == 2 else None


def read_cfs(path):
    """The same in version 1, where the period has a file of its own, and -1 is none."""
    period = read_text(os.path.join(os.path.dirname(path), "cpu.cfs_period_us"))
    return ratio(read_text(path) or "", period or "")


def ratio(quota_us, period_us):
    """The quota in cores; None where these are no numbers above 0."""
    quota, period = whole(quota_us), whole(period_us)
    return quota / period if quota and period else None


def throttled(folder):
    """(periods, nanoseconds) that all threads of a group were stopped so far, the latter added up
    over cores; zeros where it does not tell."""
    told = {}
    for line in (read_text(os.path.join(folder, "cpu.stat")) or "").splitlines():
        name, _, value = line.partition(" ")
        told[name] = whole(value) or 0
    ns = told.get("throttled_usec", 0) * 1000 or told.get("throttled_time", 0)
    return told.get("nr_throttled", 0), ns


class QuotaWatch:
    """The stops by quotas of this process between ``begin`` and ``end``, added up over turns."""

    def __init__(self, root="/"):
        self._quotas = [[quota, 0, 0] for quota in quotas(root)]  # with periods, nanoseconds

    def begin(self):
        self._before = self._now()

    def end(self):
        for kept, before, now in zip(self._quotas, self._before, self._now()):
            kept[1] += max(0, now[0] - before[0])
            kept[2] += max(0, now[1] - before[1])

    def _now(self):
        return [throttled(os.path.dirname(quota["file"])) for quota, _, _ in self._quotas]

    def found(self):
        """Of the quota that stopped it most, else of the smallest: {"cores", "file",
        "throttled_periods", "throttled_ns"}; None without a quota."""
        if not self._quotas:
            return None
        quota, periods, ns = max(
            self._quotas, key=lambda kept: (kept[2], kept[1], -kept[0]["cores"])
        )
        return {**quota, "throttled_periods": periods, "throttled_ns": ns}
