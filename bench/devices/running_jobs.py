"""The jobs that run on a device, so that another thread can end them."""

from threading import Event, Lock
from weakref import WeakSet

from bench.devices.runner_process import RunnerProcess


class Stopped(Exception):
    """A device was told to stop; whoever was about to start something there has to give up."""


class RunningJobs:
    """The children of one device; ``unanswered`` is what they asked it for in vain."""

    def __init__(self) -> None:
        self._lock, self._children, self._stopped = Lock(), WeakSet(), Event()
        self.unanswered: set[str] = set()

    def add(self, child: RunnerProcess) -> RunnerProcess:
        """``child``, to be ended by ``stop``; after that it is ended and Stopped is raised."""
        with self._lock:
            if not self._stopped.is_set():
                self._children.add(child)
                return child
        child.end()
        raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait so long; Stopped as soon as ``stop`` is called."""
        if self._stopped.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """End every child, now and from now on; whoever waits for one goes on at once. From any
        thread."""
        with self._lock:
            self._stopped.set()
            for child in self._children:
                child.kill()
