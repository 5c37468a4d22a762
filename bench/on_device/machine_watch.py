"""States of the machine before, between and after turns; what does not answer is given up."""

import os
import threading
import time

from bench.on_device.ask_program import NoAnswer
from bench.on_device.machine_state import FIRMWARE, NOTHING, READINGS, read_firmware
from bench.on_device.system_files import ASKING_S

PERIOD_S = 1.0
GLANCE_S = 0.05  # so long a reading may stand between two turns


class MachineWatch:
    """The ``states`` of the machine, and the names in ``unanswered`` of what did not answer within
    ASKING_S. That is not asked again, nor is what is ``unasked``, which kept another run waiting.

    Files are read in threads: a driver that hangs holds whoever reads its file, for as long as it
    likes.
    """

    def __init__(self, unasked=(), root="/sys"):
        self.states, self.unanswered = [], sorted(unasked)
        self._root, self._begun, self._readings = root, time.monotonic(), {}

    def look(self):
        """Add a state with everything; to be called when no turns are being taken."""
        at_s, flags = time.monotonic() - self._begun, self._firmware()
        state = self._state(at_s, ASKING_S)
        if flags is not None:
            state["throttled"] = flags
        self.states.append(state)

    def glance(self):
        """Add a state between turns, about once a second, of what answers at once. No program is
        started then: it would take a turn's cores, and a slow one its time."""
        at_s = time.monotonic() - self._begun
        if at_s - self.states[-1]["at_s"] >= PERIOD_S:
            self.states.append(self._state(at_s, GLANCE_S))

    def _firmware(self):
        if FIRMWARE in self.unanswered:
            return None
        try:
            return read_firmware()
        except NoAnswer:
            self._give_up(FIRMWARE)
            return None

    def _state(self, at_s, limit_s):
        state = {"at_s": at_s, "load_average": load_average(), **NOTHING}
        for name, read in READINGS.items():
            if name not in self.unanswered and name not in self._readings:
                self._readings[name] = Reading(read, self._root)
        end = time.monotonic() + limit_s
        for name, reading in list(self._readings.items()):
            if reading.done.wait(max(0.0, end - time.monotonic())):
                state.update(self._readings.pop(name).found)
            elif time.monotonic() - reading.begun >= ASKING_S:
                del self._readings[name]
                self._give_up(name)
        return state

    def _give_up(self, name):
        self.unanswered = sorted({*self.unanswered, name})


def load_average():
    """Processes that ran or waited in the last minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


class Reading:
    """One reading in a thread of its own; ``found`` once it is ``done``."""

    def __init__(self, read, root):
        self.found, self.done, self.begun = {}, threading.Event(), time.monotonic()
        threading.Thread(target=self._run, args=(read, root), daemon=True).start()

    def _run(self, read, root):
        try:
            self.found = read(root)
        finally:
            self.done.set()
