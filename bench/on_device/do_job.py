"""The parts of one job, in order: load, profile, time, classify."""

from bench.on_device.classify import classify
from bench.on_device.delegation import delegation
from bench.on_device.load_artifact import load_artifact, noise
from bench.on_device.loaded_packages import check_loaded
from bench.on_device.operator_profile import profile
from bench.on_device.this_process import affinity, peak_rss_bytes, pin
from bench.on_device.timing_loop import time_session
from bench.on_device.turn_requests import turns_on_request, turns_until_enough


def do_job(job, result, tell, packages):
    """Do the checked ``job`` and fill in its ``result``; JobError where a part fails.

    ``packages``: the folders that numpy and the runtime are to come from.
    """
    result.update(runtime=job["runtime"], threads=job["threads"])
    if job["affinity"] is not None:
        pin(job["affinity"])
        result["affinity"] = affinity()
    session = load_artifact(job, result)
    check_loaded(packages)
    result["delegate"] = delegation(session)
    if job["profile"]:
        result["profile"] = profile(session, job, noise(session))
    if job["plan"]:
        turn_wanted = turns_until_enough
        if job["in_turns"]:
            turn_wanted = turns_on_request(tell, result)
        time_session(session, job["plan"], result, turn_wanted, job["unasked"])
    result["peak_rss_bytes"] = peak_rss_bytes()
    if job["images"]:
        classify(session, job["images"], result, tell)
