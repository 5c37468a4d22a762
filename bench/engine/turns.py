"""Several files timed in turns (A B C, C B A, ...), so that the machine's drift hits all alike."""

from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TypeVar

from bench.devices.device import Device, Reconnecting, batteries
from bench.devices.runner_process import RunnerProcess
from bench.engine.turn_groups import MIB, turn_groups
from bench.measurement.job import Job
from bench.measurement.result import LOST, Result
from models.command_line.progress import Report, note

K = TypeVar("K")


def in_turns(
    device: Device,
    jobs: Mapping[K, Job],
    show: Report,
    together: Callable[[K], Hashable] = lambda key: key,
) -> dict[K, Result]:
    """The result of each job on ``device``, all of which have a plan.

    Where the device's memory does not hold all runners, groups of them take turns, one group after
    the other; keys that are the same ``together`` are in one group. Where the line to the device
    breaks and it can be had again, what was lost takes turns once more. ``turn_group`` of a result
    says with which others it took turns, ``batteries`` what its group did to the device's.
    """
    free_bytes = device.free_memory_bytes()
    groups = turn_groups(jobs, free_bytes, together)
    if len(groups) > 1:
        note(
            f"{device.name} has {free_bytes / MIB:.0f} MiB of free memory: {len(jobs)} files take "
            f"turns in {len(groups)} groups, one after the other"
        )
    found: dict[K, Result] = {}
    numbers, gone = count(), None
    for keys in groups:
        of_group = {key: jobs[key] for key in keys}
        if gone:
            found |= {key: Result.failed(job, LOST, gone) for key, job in of_group.items()}
            continue
        found |= _group(device, of_group, next(numbers), show)
        lost = {together(key): found[key].error.message for key in keys if _is_lost(found[key])}
        if not lost:
            continue
        if isinstance(device, Reconnecting) and device.reconnect():
            again = {key: job for key, job in of_group.items() if together(key) in lost}
            note(f"{device.name}: {len(again)} of {len(of_group)} files take their turns again")
            found |= _group(device, again, next(numbers), show)
        else:
            gone = next(iter(lost.values()))
    return {key: found[key] for key in jobs}


def _is_lost(result: Result) -> bool:
    return result.error is not None and result.error.kind == LOST


def _group(device: Device, jobs: Mapping[K, Job], number: int, show: Report) -> dict[K, Result]:
    starts = {key: partial(device.start, replace(job, in_turns=True)) for key, job in jobs.items()}
    known = batteries(device)
    found = take_turns(starts, show)
    if not any(map(_is_lost, found.values())):  # else the device is not reachable
        known += batteries(device)
    return {
        key: replace(result, turn_group=number, batteries=known) for key, result in found.items()
    }


def take_turns(starts: Mapping[K, Callable[[], RunnerProcess]], show: Report) -> dict[K, Result]:
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
            running = [child for child in children.values() if not child.result]
            # There and back: whoever always followed the same file would always find its traces.
            order = running if rounds % 2 else reversed(running)
            is_enough = all([child.turn() for child in order])
        return {key: child.finish() for key, child in children.items()}
