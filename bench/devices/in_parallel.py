"""Work on several devices at the same time: a thread for each, which mostly waits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")
END = object()
JOIN_S = 10.0


@contextmanager
def in_parallel(
    work: Sequence[tuple[K, Iterable[T]]], stop: Callable[[], None]
) -> Iterator[Iterator[tuple[K, T]]]:
    """Items of all iterables of ``work``, each with its key, in the order in which they come.

    Each is gone through in a thread of its own; what is done with an item is done in this thread
    alone. An exception of one is raised here. Where the block is left while some are running, by
    Ctrl-C for example, ``stop`` is called, which has to make them end, and they are waited for.
    """
    crew = _Crew(work)
    try:
        yield crew.items()
    finally:
        crew.leave(stop)


class _Crew(Generic[K, T]):
    """The threads, and the queue of what they found."""

    def __init__(self, work: Sequence[tuple[K, Iterable[T]]]) -> None:
        self._found: SimpleQueue = SimpleQueue()
        self._running = len(work)
        self._threads = [
            # A daemon: one that would not end must not keep the command from ending.
            Thread(target=self._go_through, args=pair, daemon=True)
            for pair in work
        ]

    def items(self) -> Iterator[tuple[K, T]]:
        for thread in self._threads:
            thread.start()
        while self._running:
            item = self._found.get()
            if isinstance(item, BaseException):
                raise item
            if item is END:
                self._running -= 1
            else:
                yield item

    def _go_through(self, key: K, items: Iterable[T]) -> None:
        """Whatever is raised here is for the thread that waits."""
        try:
            for item in items:
                self._found.put((key, item))
            self._found.put(END)
        except BaseException as error:
            self._found.put(error)

    def leave(self, stop: Callable[[], None]) -> None:
        if self._running:
            stop()
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join(JOIN_S)
