"""ONNX Runtime's own profile as operators of a result."""

import json
import os

from bench.on_device.job_error import JobError, one_line
from bench.on_device.operator_time import PROFILE_WARMUP_RUNS, operator_time
from models.scratch.scratch_folder import scratch_folder

KERNEL_TIME = "_kernel_time"  # how ONNX Runtime marks the time of an operator


def profile_onnx(session, path, tensor, runs):
    """ONNX Runtime's own profile; operators it has fused are listed as what they became."""
    with scratch_folder() as folder:
        session.options.enable_profiling = True
        session.options.profile_file_prefix = os.path.join(folder, "profile")
        session.load(path)
        session.feed(tensor)
        for _ in range(PROFILE_WARMUP_RUNS + runs):
            session.run()
        try:
            with open(session.session.end_profiling()) as file:
                events = json.load(file)
        except (OSError, ValueError) as error:
            where = os.path.dirname(folder)
            raise JobError(
                "no_profile",
                f"ONNX Runtime's profile is not whole ({one_line(error)}); look whether {where} is "
                "full, or set TMPDIR to another folder",
            ) from error
    times_us = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(KERNEL_TIME):
            name, args = event["name"][: -len(KERNEL_TIME)], event["args"]
            times_us.setdefault((args["node_index"], name, args["op_name"]), []).append(
                event["dur"]
            )
    if not times_us or {len(found) for found in times_us.values()} != {PROFILE_WARMUP_RUNS + runs}:
        raise JobError("no_profile", "ONNX Runtime's profile does not have every operator each run")
    return [
        operator_time(name, kind, found[PROFILE_WARMUP_RUNS:], None)
        for (_, name, kind), found in times_us.items()
    ]
