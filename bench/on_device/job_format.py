"""The job that a runner is given and the result that it writes, as JSON (version 3 of both).

    python runner.pyz [job.json]       the job as one line on standard input, or in a file; the
                                       result on standard output; all else on standard error
    python runner.pyz --environment    the machine, as JSON
    python runner.pyz --parent PID ... ends when that process, which started it, has ended

Ahead of these, ``--packages FOLDER``, as often as need be: where numpy and the runtimes are.

``python bench/on_device`` does the same without the archive. The native runner in android_harness
takes and writes the same. A byte of a path that is no UTF-8 is half a surrogate pair, \\udc80 to
\\udcff, as Python writes it. A job:

    version    3
    artifact   path of a .tflite or .onnx file with one input of batch 1 and one output; the runner
               in Python takes several
    format     "tflite" or "onnx"
    runtime    "litert", "litert-builtin" (LiteRT without its delegate XNNPACK), "litert-gpu",
               "litert-npu" (LiteRT with that accelerator; the native runner has them),
               "tflite-runtime" or "onnxruntime"
    threads    threads that the runtime is told to use, from 1 to 1024
    affinity   null, or the cores that the process may use
    plan       null, or how to time it:
        warmup_runs, warmup_s    warm-up takes at least so many inferences and ends when their times
                                 no longer fall, at the latest after so many seconds
        min_samples, precision   sampling ends when it has so many, and the 95 % interval of the
                                 median of its turns' medians is within this share of it (0: never)
        time_limit_s             or when its turns have lasted so long
        turn_s                   how long a turn lasts; before it, one inference is not counted
    in_turns   true: as described under Turns below
    images     null, or what to classify: {"shards": paths of .npy files of pixel values
               [n, h, w, c] (a model may read [1, c, h, w]),
               "scale", "offset": float input = pixel * scale + offset,
               "input_scale", "input_zero_point", "output_scale", "output_zero_point": of integer
               tensors (null where they are float), "outputs": for each shard the path to write,
               as .npy, its float32 [n, classes] outputs to}; of a file with several outputs
               "output_scale" and "output_zero_point" are lists, and a row has all of them,
               flattened, one after the other
    profile    null, or {"runs"}: how often to run with the runtime's profiler on, 1 to 10000
    unasked    what is not asked about the machine, since it kept another run waiting: some of
               "vcgencmd", "cpufreq", "thermal", "hwmon"

Turns. With ``in_turns`` the runner writes {"event": "ready", "unanswered": as in the result, up to
then} after warm-up. For each further line
on standard input it takes one turn and writes {"event": "turn", "samples": how many there are now,
"enough": whether its own stop rule is met}; at the end of input it writes the result. An error
at any point is in the result, which then comes instead.

Images. After each shard, when its outputs are written, the runner writes {"event": "classified",
"shards": how many are done}: the reader may fetch them while it goes on.

The result, one line; times are integers in nanoseconds, null where not measured:

    version, runtime, runtime_version
    threads, os_threads, affinity   as asked of the runtime; threads of the process after warm-up;
                                    the cores it may use (null where the system does not tell)
    load_ns, prepare_ns             open the file; allocate (null where loading does that)
    first_inference_ns, warmup_runs, warmup_stable (null without a warm-up)
    samples_ns                      every inference of every turn, in order
    turns                           [[start_ns after the first turn's start, samples], ...]
    states                          the machine before, about once a second, and after:
                                    {"at_s", "load_average", "governors", "frequency_khz" (of core
                                    n at place n; 0: it is off or does not tell), "temperature_c"
                                    (hottest zone), "throttled" (flags of vcgencmd, which is asked
                                    before and after; between, under-voltage by the kernel)}
    unanswered                      what did not answer within 5 s, and was not asked again; what
                                    was ``unasked``, too
    others_share, stolen_share      of the processor time of all cores during the turns: what other
                                    processes, and other virtual machines, had (0 to 1)
    cpu_quota                       null, or the quota of a control group: {"cores", "file" that it
                                    is in, "throttled_periods", "throttled_ns": how often and how
                                    long, added up over cores, it stopped the process in its turns}
    peak_rss_bytes                  after the timed part
    images                          how many were classified
    delegate                        null for ONNX Runtime, else {"inside": operators in the
                                    delegate, "pieces": of the graph in it, "outside": {kind: how
                                    many operators}}
    profile                         {"name", "kind", "mean_ns", "delegated"} of each operator as the
                                    runtime ran it, in execution order; "name" is its output tensor
                                    (.tflite) or node (.onnx), "kind" the file's or, where the
                                    runtime has fused several, theirs joined by "+" (.tflite) or its
                                    own (.onnx); "mean_ns" of the middle half of the runs;
                                    "delegated": inside LiteRT's delegate, null for ONNX Runtime
    error                           null, or {"kind", "message"}

Error kinds and exit codes: "bad_job", "bad_model", "bad_input" 2; "missing_runtime",
"no_profile", "out_of_memory", "runtime_failed" 3. The exit code is 0 without an error.
"""

import json
import os

from bench.on_device.job_error import JobError
from quantize.runtime.names import RUNTIMES

VERSION = 3
MAX_JOB_BYTES = 64 * 2**20
PLAN_KEYS = {
    "warmup_runs": int,
    "warmup_s": float,
    "min_samples": int,
    "precision": float,
    "time_limit_s": float,
    "turn_s": float,
}
IMAGE_KEYS = {
    "shards": list,
    "scale": float,
    "offset": float,
    "input_scale": (float, None),
    "input_zero_point": (int, None),
    "output_scale": (float, list, None),
    "output_zero_point": (int, list, None),
    "outputs": list,
}
PROFILE_KEYS = {"runs": int}
JOB_KEYS = {
    "version": int,
    "artifact": str,
    "format": str,
    "runtime": str,
    "threads": int,
    "affinity": (list, None),
    "plan": (dict, None),
    "in_turns": bool,
    "images": (dict, None),
    "profile": (dict, None),
    "unasked": list,
}


def read_job(text):
    """The job in ``text``, checked field by field."""
    try:
        job = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise JobError("bad_job", f"the job is not JSON: {str(error)[:200]}") from error
    if isinstance(job, dict) and job.get("version") != VERSION:
        found = str(job.get("version"))[:80]
        raise JobError("bad_job", f"the job has version {found}; this runner knows {VERSION}")
    check_keys(job, JOB_KEYS, "job")
    if job["runtime"] not in RUNTIMES.get(job["format"], ()):
        raise JobError(
            "bad_job",
            f"format {job['format'][:80]!r} with runtime {job['runtime'][:80]!r}; "
            f"expected one of {RUNTIMES}",
        )
    if not 1 <= job["threads"] <= 1024:
        raise JobError("bad_job", f"threads is {str(job['threads'])[:80]}; expected 1 to 1024")
    if job["plan"] is not None:
        plan = check_keys(job["plan"], PLAN_KEYS, "job.plan")
        if plan["min_samples"] < 1 or min(plan.values()) < 0:
            raise JobError("bad_job", "job.plan has a negative figure or asks for no sample")
    elif job["in_turns"]:
        raise JobError("bad_job", "job.in_turns is true without a plan")
    if not all(type(core) is int and 0 <= core < 4096 for core in job["affinity"] or ()):
        raise JobError("bad_job", "job.affinity has something different from numbers of cores")
    if job["images"] is not None:
        images = check_keys(job["images"], IMAGE_KEYS, "job.images")
        for key in ("shards", "outputs"):
            if not all(isinstance(path, str) for path in images[key]):
                raise JobError("bad_job", f"job.images.{key} has something different from paths")
        for key, kind in (("output_scale", float), ("output_zero_point", int)):
            for given in images[key] if isinstance(images[key], list) else ():
                check_keys({key: given}, {key: (kind, None)}, "job.images")
        if len(images["shards"]) != len(images["outputs"]):
            raise JobError("bad_job", "job.images has not one of outputs for each of shards")
    if job["profile"] is not None:
        runs = check_keys(job["profile"], PROFILE_KEYS, "job.profile")["runs"]
        if not 1 <= runs <= 10_000:
            raise JobError("bad_job", f"job.profile.runs is {runs}; expected 1 to 10000")
    if not all(isinstance(name, str) for name in job["unasked"]):
        raise JobError("bad_job", "job.unasked has something different from names")
    if not os.path.isfile(job["artifact"]):
        raise JobError("bad_model", f"there is no file {job['artifact'][:200]}")
    return job


def check_keys(value, keys, where):
    """``value`` if it is an object with exactly these keys and types; JobError otherwise."""
    if not isinstance(value, dict) or set(value) != set(keys):
        found = sorted(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise JobError("bad_job", f"{where} has {str(found)[:200]}; expected {sorted(keys)}")
    for key, kind in keys.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        given = value[key]
        numbers = (int, float) if float in kinds else ()
        allowed = tuple(k for k in kinds if k) + numbers
        fits = isinstance(given, allowed) and (bool in kinds) == isinstance(given, bool)
        if not (fits or (given is None and None in kinds)):
            named = " or ".join("null" if k is None else k.__name__ for k in kinds)
            raise JobError("bad_job", f"{where}.{key} is {str(given)[:80]!r}; expected {named}")
        if isinstance(given, (int, float)) and not abs(given) < 1e12:
            raise JobError("bad_job", f"{where}.{key} is out of range; expected a finite number")
    return value


def unique(pairs):
    """A JSON object as a dictionary; JobError where it has a key twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise JobError("bad_job", f"the job has the key {twice[:80]!r} twice")
    return made
