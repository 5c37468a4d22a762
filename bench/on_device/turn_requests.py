"""Turns that are asked for from outside, so that several runners take turns on one machine."""

import sys
import time

from bench.on_device.this_process import other_threads_sleep

SETTLE_S, SETTLED_S, SETTLE_LIMIT_S = 0.01, 0.001, 1.0


def turns_until_enough(samples, enough):
    """Turn after turn until the plan's own stop rule is met."""
    return not enough


def turns_on_request(tell, result):
    """A turn for each line of standard input; ``tell`` is given the number of samples so far, and
    first of all what did not answer up to then, by ``result``."""
    begun = False

    def wanted(samples, enough):
        nonlocal begun
        settle()
        ready = {"event": "ready", "unanswered": result["unanswered"]}
        tell({"event": "turn", "samples": samples, "enough": enough} if begun else ready)
        begun = True
        return bool(sys.stdin.readline())

    return wanted


def settle():
    """Wait until this process sleeps with all its threads, so that the next has the cores.

    ONNX Runtime's threads spin for some 40 ms after an inference, waiting for another.
    """
    end = time.monotonic() + SETTLE_LIMIT_S
    while time.monotonic() < end:
        before = time.process_time()
        time.sleep(SETTLE_S)
        # On a busy machine a thread that wants to spin may have had no core in that time.
        if time.process_time() - before < SETTLED_S and other_threads_sleep():
            return
