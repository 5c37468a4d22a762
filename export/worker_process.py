"""A process that works beside this one and ends with it, however this one ends."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

SPAWN = multiprocessing.get_context("spawn")


def worker_process() -> ProcessPoolExecutor:
    """One fresh process. It would wait for work for ever if this one were killed."""
    return ProcessPoolExecutor(1, SPAWN, initializer=_end_with_parent)


def _end_with_parent() -> None:
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
