"""The runner: does one job on the machine that it is started on, and writes the result.

``job_format`` documents both.
"""

import json
import os
import sys

from bench.on_device.job_error import EXIT_CODES, OTHER_EXIT_CODE, JobError, first_cause, one_line
from bench.on_device.job_format import MAX_JOB_BYTES, VERSION, read_job
from bench.on_device.machine_facts import read_environment
from bench.on_device.parent_process import end_with
from bench.on_device.this_process import affinity

PARENT = "--parent"


def main(arguments, packages=()):
    """Do the job, keep what runtimes print off standard output, write the result; exit code.

    ``packages``: the folders that numpy and the runtimes are to come from.
    """
    if arguments[:1] == [PARENT]:
        end_with(int(arguments[1]))
        arguments = arguments[2:]
    real_stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(message):
        real_stdout.write(json.dumps(message) + "\n")
        real_stdout.flush()

    if arguments == ["--environment"]:
        tell(read_environment())
        return 0
    result = run(arguments, tell, packages)
    tell(result)
    error = result["error"]
    return EXIT_CODES.get(error["kind"], OTHER_EXIT_CODE) if error else 0


def run(arguments, tell, packages=()):
    """The result of the job; whatever fails is in its ``error``."""
    result = empty_result()
    try:
        do_job = needing_numpy()
        do_job(read_job(read_text(arguments)), result, tell, packages)
    except JobError as error:
        result["error"] = {"kind": error.kind, "message": str(error)}
    except MemoryError as error:
        result["error"] = {"kind": "out_of_memory", "message": one_line(error)}
    except Exception as error:
        result["error"] = {"kind": "runtime_failed", "message": one_line(error)}
    return result


def empty_result():
    """A result with every field, nothing measured yet."""
    names = ("runtime", "runtime_version", "threads", "os_threads", "load_ns", "prepare_ns")
    names += ("first_inference_ns", "warmup_runs", "warmup_stable", "others_share", "stolen_share")
    result = {"version": VERSION, **dict.fromkeys(names), "affinity": affinity()}
    result.update(samples_ns=[], turns=[], states=[], peak_rss_bytes=None, images=0, error=None)
    result.update(delegate=None, profile=[], unanswered=[], cpu_quota=None)
    return result


def needing_numpy():
    """``do_job``, imported only now so that a Python without numpy can still say so."""
    try:
        from bench.on_device.do_job import do_job
    except ImportError as error:
        message = f"{sys.executable} cannot import numpy: {one_line(first_cause(error))}"
        raise JobError("missing_runtime", message) from error
    return do_job


def read_text(arguments):
    """The text of the job: the file that is named, or the first line of standard input."""
    try:
        if arguments:
            with open(arguments[0], "rb") as file:
                read = file.read(MAX_JOB_BYTES + 1)
        else:
            read = sys.stdin.buffer.readline(MAX_JOB_BYTES + 1)
        text = read.decode()
    except (OSError, ValueError) as error:
        raise JobError("bad_job", f"the job cannot be read: {one_line(error)}") from error
    if len(read) > MAX_JOB_BYTES:
        raise JobError("bad_job", f"the job is longer than {MAX_JOB_BYTES} bytes")
    return text
