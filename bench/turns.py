"""Several files timed in turns (A B C A B C ...), so that the machine's drift hits all alike."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from bench.device import Device
from bench.job import Job
from bench.result import Result
from models.progress import Report

K = TypeVar("K")


def in_turns(device: Device, jobs: Mapping[K, Job], show: Report) -> dict[K, Result]:
    """The result of each job, all of which have a plan; one that fails costs only itself.

    Every file is loaded and warmed up in a process of its own, one after the other; then they take
    turns until the plan of each is satisfied. Who has enough goes on with the others, so that turn
    k of one and turn k of another were neighbours.
    """
    with ExitStack() as ending:
        children = {}
        for n, (key, job) in enumerate(jobs.items()):
            show(f"{job.artifact.name} in {job.runtime} warms up,", n + 1, len(jobs))
            child = ending.enter_context(device.start(replace(job, in_turns=True)))
            children[key] = child
            child.is_ready()
        rounds, wanting = 0, _at_work(children)
        while wanting:
            rounds += 1
            show("in turns, round", rounds)
            wanting = [child for child in _at_work(children) if not child.turn()]
        return {key: child.finish() for key, child in children.items()}


def _at_work(children: Mapping) -> list:
    return [child for child in children.values() if child.result is None]
