"""Warm-up and timed turns of a loaded artifact."""

import time

from bench.on_device.cpu_quota import QuotaWatch
from bench.on_device.load_artifact import noise, timed_ns
from bench.on_device.machine_watch import MachineWatch
from bench.on_device.processor_shares import Shares
from bench.on_device.stop_rule import is_enough, median
from bench.on_device.this_process import count_threads

WARMUP_WINDOW_S = 0.05
FALLING = 0.98  # of the window before: below that, inferences still get faster


def time_session(session, plan, result, turn_wanted, unasked=()):
    """Warm up, then take turns for as long as ``turn_wanted(samples so far, enough)`` is true.

    What is ``unasked`` about the machine kept another run waiting.
    """
    session.feed(noise(session))
    watch, quota = MachineWatch(unasked), QuotaWatch()
    watch.look()
    result.update(states=watch.states, unanswered=watch.unanswered)
    result["first_inference_ns"] = timed_ns(session.run)
    warm_up(session, plan, result)
    result["os_threads"] = count_threads()
    medians, spent_s, zero, shares = [], 0.0, None, Shares()
    while turn_wanted(len(result["samples_ns"]), is_enough(plan, medians, spent_s, result)):
        shares.begin()
        quota.begin()
        start = time.perf_counter_ns()
        times = take_turn(session, plan["turn_s"])
        quota.end()
        shares.end()
        zero = start if zero is None else zero
        result["turns"].append([start - zero, len(times)])
        result["samples_ns"] += times
        medians.append(median(times))
        spent_s += (time.perf_counter_ns() - start) / 1e9
        watch.glance()
    watch.look()
    result.update(unanswered=watch.unanswered, cpu_quota=quota.found())
    result["others_share"], result["stolen_share"] = shares.others(), shares.stolen()


def warm_up(session, plan, result):
    """Infer until two windows in a row are no faster than the one before them."""
    begun, runs, before, steady = time.monotonic(), 0, None, 0
    while runs < plan["warmup_runs"] or (
        steady < 2 and time.monotonic() - begun < plan["warmup_s"]
    ):
        window = take_turn(session, min(WARMUP_WINDOW_S, plan["warmup_s"]))
        runs += 1 + len(window)
        now = median(window)
        steady = steady + 1 if before is not None and now >= before * FALLING else 0
        before = now
    result["warmup_runs"] = runs
    if runs:
        result["warmup_stable"] = steady >= 2


def take_turn(session, turn_s):
    """Times of the inferences of one turn; the first, on caches that others had, is not counted."""
    run, clock, times = session.run, time.perf_counter_ns, []
    run()
    after = clock()
    end = after + round(turn_s * 1e9)
    while after < end or not times:
        before = clock()
        run()
        after = clock()
        times.append(after - before)
    return times
