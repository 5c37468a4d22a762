"""Several files timed in turns (A B C, C B A, ...), so that the machine's drift hits all alike."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bench.child import Child
from bench.device import Device
from bench.job import Job
from bench.result import Result
from models.progress import Report

K = TypeVar("K")


def in_turns(device: Device, jobs: Mapping[K, Job], show: Report) -> dict[K, Result]:
    """The result of each job on ``device``, all of which have a plan."""
    starts = {key: partial(device.start, replace(job, in_turns=True)) for key, job in jobs.items()}
    return take_turns(starts, show)


def take_turns(starts: Mapping[K, Callable[[], Child]], show: Report) -> dict[K, Result]:
    """The result of each child; one that fails costs only itself.

    Every file is loaded and warmed up in a process of its own, one after the other; then they take
    turns until the plan of each is satisfied. Who has enough goes on with the others, so that turn
    k of one and turn k of another lay near each other.
    """
    with ExitStack() as ending:
        children = {}
        for n, (key, start) in enumerate(starts.items()):
            child = children[key] = ending.enter_context(start())
            show(
                f"warming up {child.job.artifact.name} in {child.job.runtime},", n + 1, len(starts)
            )
            child.is_ready()
        rounds, is_enough = 0, False
        while not is_enough:
            rounds += 1
            show("in turns, round", rounds)
            at_work = [child for child in children.values() if not child.result]
            # There and back: whoever always followed the same file would always find its traces.
            order = at_work if rounds % 2 else reversed(at_work)
            is_enough = all([child.turn() for child in order])
        return {key: child.finish() for key, child in children.items()}
