"""Shares of the processor time that other processes and other virtual machines had."""

import os


class Shares:
    """Who had the processors between ``begin`` and ``end``, added up over turns."""

    def __init__(self):
        self.total = self.busy = self.steal = self.own = 0.0

    def begin(self):
        self.before = read_processor_times()

    def end(self):
        now = read_processor_times()
        if now and self.before:
            total, busy, steal, own = (a - b for a, b in zip(now, self.before))
            self.total += total
            self.busy += busy
            self.steal += steal
            self.own += own

    def others(self):
        """Share of other processes; None where the system does not tell."""
        return min(1.0, max(0.0, self.busy - self.own) / self.total) if self.total else None

    def stolen(self):
        return min(1.0, self.steal / self.total) if self.total else None


def read_processor_times(path="/proc/stat"):
    """Seconds of all cores so far: in total, busy, stolen, and of this process; None: not told."""
    try:
        with open(path) as file:
            ticks = [int(text) for text in file.readline().split()[1:9]]
        user, nice, system, idle, waiting, interrupts, soft_interrupts, steal = ticks
        per_second = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
    busy = user + nice + system + interrupts + soft_interrupts
    own = os.times()
    return (
        (busy + idle + waiting + steal) / per_second,
        busy / per_second,
        steal / per_second,
        own.user + own.system,
    )
