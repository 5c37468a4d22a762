"""Facts of this process: the cores it may use, its threads, its largest memory."""

import glob
import os

from bench.on_device.job_error import JobError, one_line
from bench.on_device.online_cores import online_cores
from bench.on_device.system_files import read_all


def affinity():
    """The cores that this process may use; None where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def pin(cores):
    """Keep this process, and the threads it will have, on ``cores``."""
    try:
        os.sched_setaffinity(0, cores)
    except (AttributeError, OSError) as error:
        online = online_cores()
        which = "" if online is None else f"; those that are on: {online}"
        message = f"cores {cores} cannot be had: {one_line(error)}{which}"
        raise JobError("bad_job", message) from error


def count_threads():
    """Threads of this process; None where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return None


def other_threads_sleep():
    """False where a thread of this process besides the main one runs or waits for a core; True
    where the system does not tell."""
    for path in set(glob.glob("/proc/self/task/*")) - {f"/proc/self/task/{os.getpid()}"}:
        for text in read_all(path + "/stat"):
            if text.rpartition(")")[2].split()[0] == "R":  # after the name, which may hold anything
                return False
    return True


def peak_rss_bytes():
    """Largest resident memory of this process so far; None where it cannot be told."""
    try:
        # VmHWM starts at exec; getrusage would still show the size of the process that forked us.
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None
