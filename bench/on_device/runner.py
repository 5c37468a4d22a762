"""Runs one job on the machine it is started on: the only file of the bench that goes to a device.

    python runner.py [job.json]        the job as one line on standard input, or in a file; the
                                       result on standard output; all else on standard error
    python runner.py --environment     what machine this is, as JSON

It needs the standard library, numpy and the one runtime that the job names. A job (version 3):

    version    3
    artifact   path of a .tflite or .onnx file with one input of batch 1 and one output
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
    in_turns   true: do as said under Turns below
    images     null, or what to classify: {"shards": paths of .npy files of pixel values
               [n, h, w, c], "scale", "offset": float input = pixel * scale + offset,
               "input_scale", "input_zero_point", "output_scale", "output_zero_point": of integer
               tensors (null where they are float), "outputs": for each shard the path to write,
               as .npy, its float32 [n, classes] outputs to}
    profile    null, or {"runs"}: how often to run with the runtime's profiler on, 1 to 10000

Turns. With ``in_turns`` the runner writes {"event": "ready"} behind warm-up. For each further line
on standard input it takes one turn and writes {"event": "turn", "samples": how many there are now,
"enough": whether its own stop rule is met}; at the end of input it writes the result. What is
wrong at any point is in the result, which then comes instead.

Images. Behind each shard, when its outputs are written, the runner writes {"event": "classified",
"shards": how many of them are}: whoever reads may fetch them while it goes on.

The result (version 3), one line; times are integers in nanoseconds, null where not measured:

    version, runtime, runtime_version
    threads, os_threads, affinity   as asked of the runtime; threads of the process behind warm-up;
                                    the cores it may use (null where the system does not tell)
    load_ns, prepare_ns             open the file; allocate (null where loading does that)
    first_inference_ns, warmup_runs, warmup_stable (null without a warm-up)
    samples_ns                      every inference of every turn, in order
    turns                           [[start_ns behind the first turn's start, samples], ...]
    states                          the machine before, about once a second, and after:
                                    {"at_s", "load_average", "governors", "frequency_khz",
                                    "temperature_c" (hottest zone), "throttled" (flags of vcgencmd)}
    others_share, stolen_share      of the processor time of all cores during the turns: what other
                                    processes, and other virtual machines, had (0 to 1)
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

import ctypes
import glob
import json
import math
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import time

# Python puts this file's folder first on the path; its neighbours must not hide standard modules.
if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]

try:
    import numpy as np
except ImportError:
    np = None

VERSION = 3
RUNTIMES = {
    "tflite": ("litert", "litert-builtin", "tflite-runtime", "litert-gpu", "litert-npu"),
    "onnx": ("onnxruntime",),
}
ACCELERATED = ("litert-gpu", "litert-npu")
MAX_JOB_BYTES = 64 * 2**20
PACKAGES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy")
EXIT_CODES = {"bad_job": 2, "bad_model": 2, "bad_input": 2}
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
    "output_scale": (float, None),
    "output_zero_point": (int, None),
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
}

PROFILE_WARMUP_RUNS = 5
KERNEL_TIME = "_kernel_time"  # how ONNX Runtime marks the time of an operator
# LiteRT's types of events: one of the file's operators, and two of operators of a delegate.
OPERATOR_EVENT = 2
OPERATOR_EVENTS = {OPERATOR_EVENT, 4, 8}
EVENTS = {2**bit for bit in range(9)}
EVENT_ROOM_BYTES = 256
UNTOUCHED = b"\xa5"
# What XNNPACK calls the kinds of the TFLite schema, where that is another word.
XNNPACK_WORDS = {
    "CONV_2D": ("CONVOLUTION", "FULLYCONNECTED"),
    "DEPTHWISE_CONV_2D": ("CONVOLUTION",),
    "FULLY_CONNECTED": ("FULLYCONNECTED", "DYNAMICFULLYCONNECTED"),
    "TRANSPOSE_CONV": ("DECONVOLUTION",),
    "MUL": ("MULTIPLY",),
    "SUB": ("SUBTRACT",),
    "DIV": ("DIVIDE",),
    "RESHAPE": ("STATICRESHAPE", "COPY"),
    "AVERAGE_POOL_2D": ("AVERAGEPOOLING",),
    "MAX_POOL_2D": ("MAXPOOLING",),
    "PAD": ("CONSTANTPAD",),
    "LOGISTIC": ("SIGMOID",),
    "RELU": ("CLAMP",),
    "RELU6": ("CLAMP",),
    "QUANTIZE": ("CONVERT",),
    "DEQUANTIZE": ("CONVERT",),
    "BATCH_MATMUL": ("BATCHMATRIXMULTIPLY",),
}
WARMUP_WINDOW_S = 0.05
READY = {"event": "ready"}
FALLING = 0.98  # of the window before: below that, inferences still get faster
STATE_PERIOD_S = 1.0
ASKING_S = 5.0  # for a program that tells of the machine
UNDER_VOLTAGE = 0b1  # of the Raspberry Pi's flags
OF_32_BITS = {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}
# (implementer, part) of /proc/cpuinfo: the cores of Raspberry Pis, phones and ARM servers.
ARM, QUALCOMM = 0x41, 0x51
CORE_NAMES = {
    (ARM, 0xB76): "ARM1176",
    (ARM, 0xC07): "Cortex-A7",
    (ARM, 0xC09): "Cortex-A9",
    (ARM, 0xC0F): "Cortex-A15",
    (ARM, 0xD03): "Cortex-A53",
    (ARM, 0xD04): "Cortex-A35",
    (ARM, 0xD05): "Cortex-A55",
    (ARM, 0xD07): "Cortex-A57",
    (ARM, 0xD08): "Cortex-A72",
    (ARM, 0xD09): "Cortex-A73",
    (ARM, 0xD0A): "Cortex-A75",
    (ARM, 0xD0B): "Cortex-A76",
    (ARM, 0xD0C): "Neoverse-N1",
    (ARM, 0xD0D): "Cortex-A77",
    (ARM, 0xD40): "Neoverse-V1",
    (ARM, 0xD41): "Cortex-A78",
    (ARM, 0xD44): "Cortex-X1",
    (ARM, 0xD46): "Cortex-A510",
    (ARM, 0xD47): "Cortex-A710",
    (ARM, 0xD48): "Cortex-X2",
    (ARM, 0xD49): "Neoverse-N2",
    (ARM, 0xD4D): "Cortex-A715",
    (ARM, 0xD4E): "Cortex-X3",
    (ARM, 0xD4F): "Neoverse-V2",
    (ARM, 0xD80): "Cortex-A520",
    (ARM, 0xD81): "Cortex-A720",
    (ARM, 0xD82): "Cortex-X4",
    (QUALCOMM, 0x001): "Oryon",
    (QUALCOMM, 0x802): "Kryo 3xx Gold",
    (QUALCOMM, 0x803): "Kryo 3xx Silver",
    (QUALCOMM, 0x804): "Kryo 4xx Gold",
    (QUALCOMM, 0x805): "Kryo 4xx Silver",
}
SETTLE_S, SETTLED_S, SETTLE_LIMIT_S = 0.01, 0.001, 1.0


class JobError(Exception):
    """Ends the job; its kind and message become the result's error."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


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
        raise JobError("bad_job", "job.affinity has something else than numbers of cores")
    if job["images"] is not None:
        images = check_keys(job["images"], IMAGE_KEYS, "job.images")
        for key in ("shards", "outputs"):
            if not all(isinstance(path, str) for path in images[key]):
                raise JobError("bad_job", f"job.images.{key} has something else than paths")
        if len(images["shards"]) != len(images["outputs"]):
            raise JobError("bad_job", "job.images has not one of outputs for each of shards")
    if job["profile"] is not None:
        runs = check_keys(job["profile"], PROFILE_KEYS, "job.profile")["runs"]
        if not 1 <= runs <= 10_000:
            raise JobError("bad_job", f"job.profile.runs is {runs}; expected 1 to 10000")
    if not os.path.isfile(job["artifact"]):
        raise JobError("bad_model", f"there is no file {job['artifact'][:200]}")
    return job


class TfliteSession:
    """A .tflite file in LiteRT or tflite-runtime. ``load`` and ``prepare`` are timed apart."""

    def __init__(self, runtime, threads):
        if runtime == "tflite-runtime":
            import tflite_runtime as package
            from tflite_runtime import interpreter
        else:
            import ai_edge_litert as package
            from ai_edge_litert import interpreter
        self.version = getattr(package, "__version__", None) or installed_version(
            "tflite-runtime" if runtime == "tflite-runtime" else "ai-edge-litert"
        )
        self.interpreter_class, self.options = interpreter.Interpreter, {"num_threads": threads}
        if runtime == "litert-builtin":
            kernels = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            self.options["experimental_op_resolver_type"] = kernels

    def load(self, path):
        self.interpreter = self.interpreter_class(model_path=path, **self.options)

    def prepare(self):
        self.interpreter.allocate_tensors()
        inputs = self.interpreter.get_input_details()
        outputs = self.interpreter.get_output_details()
        check_one(len(inputs), len(outputs))
        self.input_index, self.output_index = inputs[0]["index"], outputs[0]["index"]
        self.shape = tuple(int(size) for size in inputs[0]["shape"])
        self.dtype = np.dtype(inputs[0]["dtype"])
        self.run = self.interpreter.invoke

    def feed(self, tensor):
        self.interpreter.set_tensor(self.input_index, tensor)

    def output(self):
        return self.interpreter.get_tensor(self.output_index)


class OnnxSession:
    """A .onnx file in ONNX Runtime's CPU provider; the runtime prepares while it loads."""

    prepare = None

    def __init__(self, runtime, threads):
        # Otherwise it writes into the home directory on import, and calls its maker.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        self.package, self.version = onnxruntime, onnxruntime.__version__
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.log_severity_level = 3

    def load(self, path):
        self.session = self.package.InferenceSession(
            path, self.options, providers=["CPUExecutionProvider"]
        )
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        check_one(len(inputs), len(outputs))
        sizes = [size if isinstance(size, int) else 0 for size in inputs[0].shape]
        self.shape = tuple([sizes[0] or 1, *sizes[1:]])
        name = inputs[0].type[len("tensor(") : -1]
        self.dtype = np.dtype({"float": "float32", "double": "float64"}.get(name, name))
        self.name, self.output_names = inputs[0].name, [outputs[0].name]

    def feed(self, tensor):
        self.feeds = {self.name: tensor}

    def run(self):
        self.outputs = self.session.run(self.output_names, self.feeds)

    def output(self):
        return self.outputs[0]


def check_one(inputs, outputs):
    """JobError unless the file has one input and one output."""
    if (inputs, outputs) != (1, 1):
        raise JobError(
            "bad_model", f"the file has {inputs} inputs and {outputs} outputs; expected 1 and 1"
        )


def installed_version(package):
    """Version of that installed package, or None."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def open_session(job, result):
    """The artifact loaded in its runtime, load and prepare times written to ``result``."""
    if job["runtime"] in ACCELERATED:
        raise JobError("missing_runtime", f"{job['runtime']} needs the native runner, not Python")
    kind = OnnxSession if job["format"] == "onnx" else TfliteSession
    try:
        session = kind(job["runtime"], job["threads"])
    except ImportError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise JobError(
            "missing_runtime", f"{job['runtime']} is not to be had in Python {version}: {error}"
        ) from error
    result["runtime_version"] = session.version
    try:
        result["load_ns"] = timed_ns(lambda: session.load(job["artifact"]))
        if session.prepare:
            result["prepare_ns"] = timed_ns(session.prepare)
    except JobError:
        raise
    except Exception as error:
        raise JobError(
            "bad_model", f"{job['runtime']} cannot load it: {one_line(error)}"
        ) from error
    if len(session.shape) != 4 or session.shape[0] != 1 or min(session.shape) < 1:
        raise JobError("bad_model", f"the input is {session.shape}; expected [1, h, w, c]")
    return session


def noise(session):
    """The same input each time, over the whole range that the file reads."""
    made = np.random.default_rng(0).uniform(-1, 1, session.shape)
    if session.dtype.kind in "iu":
        info = np.iinfo(session.dtype)
        made = (made + 1) / 2 * (info.max - info.min) + info.min
    return made.astype(session.dtype)


def time_session(session, job, result, turn_wanted):
    """Warm up, then take turns for as long as ``turn_wanted(runs so far, enough)`` is true."""
    plan = job["plan"]
    session.feed(noise(session))
    begun = time.monotonic()
    result["states"].append(read_state(begun))
    result["first_inference_ns"] = timed_ns(session.run)
    warm_up(session, plan, result)
    result["os_threads"] = count_threads()
    medians, spent_s, zero, shares = [], 0.0, None, Shares()
    while turn_wanted(len(result["samples_ns"]), is_enough(plan, medians, spent_s, result)):
        shares.begin()
        start = time.perf_counter_ns()
        times = take_turn(session, plan["turn_s"])
        shares.end()
        zero = start if zero is None else zero
        result["turns"].append([start - zero, len(times)])
        result["samples_ns"] += times
        medians.append(median(times))
        spent_s += (time.perf_counter_ns() - start) / 1e9
        if time.monotonic() - begun - result["states"][-1]["at_s"] >= STATE_PERIOD_S:
            result["states"].append(read_state(begun))
    result["states"].append(read_state(begun))
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


def is_enough(plan, medians, spent_s, result):
    """The stop rule. The interval is that of the sign test: order statistics of the medians."""
    if spent_s >= plan["time_limit_s"]:
        return bool(medians)
    if not plan["precision"] or len(result["samples_ns"]) < plan["min_samples"]:
        return False
    rank = interval_rank(len(medians))
    if rank is None:
        return False
    ordered = sorted(medians)
    return ordered[-1 - rank] - ordered[rank] <= 2 * plan["precision"] * median(medians)


def interval_rank(n):
    """The median's 95 % interval lies between the order statistics of this rank from either end.

    Counted from 0; None where ``n`` values are too few for any. That of the sign test; from 1000
    on by its normal approximation.
    """
    if n >= 1000:
        return int(n / 2 - 0.98 * math.sqrt(n))
    below, rank = 0.0, None
    for k in range(n // 2):
        below += math.comb(n, k) / 2.0**n
        if below > 0.025:
            break
        rank = k
    return rank


def median(values):
    """The median of a list that is not empty."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


class Shares:
    """Who had the processors between ``begin`` and ``end``, added up over turns."""

    def __init__(self):
        self.total = self.busy = self.steal = self.own = 0.0

    def begin(self):
        self.before = read_processor_times()

    def end(self):
        now = read_processor_times()
        if now and self.before:
            total, busy, steal, own = (a - b for a, b in zip(now, self.before))  # noqa: B905
            self.total += total
            self.busy += busy
            self.steal += steal
            self.own += own

    def others(self):
        """Share of other processes; None where the system does not tell."""
        return min(1.0, max(0.0, self.busy - self.own) / self.total) if self.total else None

    def stolen(self):
        return min(1.0, self.steal / self.total) if self.total else None


def read_processor_times():
    """Seconds of all cores so far: in total, busy, stolen, and of this process; None: not told."""
    try:
        with open("/proc/stat") as file:
            ticks = [int(text) for text in file.readline().split()[1:9]]
        per_second = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
    user, nice, system, idle, waiting, interrupts, soft_interrupts, steal = ticks
    busy = user + nice + system + interrupts + soft_interrupts
    own = os.times()
    return (
        (busy + idle + waiting + steal) / per_second,
        busy / per_second,
        steal / per_second,
        own.user + own.system,
    )


def read_state(begun, root="/sys"):
    """The machine at this moment; what it does not tell is empty or null."""
    policies = os.path.join(root, "devices/system/cpu/cpu*/cpufreq")
    zones = read_all(os.path.join(root, "class/thermal/thermal_zone*/temp"))
    temperatures = [int(text) / 1000 for text in zones if text.lstrip("-").isdigit()]
    frequencies = read_all(os.path.join(policies, "scaling_cur_freq"))
    return {
        "at_s": time.monotonic() - begun,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "governors": sorted(set(read_all(os.path.join(policies, "scaling_governor")))),
        "frequency_khz": [int(text) for text in frequencies if text.isdigit()],
        # A zone without a sensor reads as 0 or far below it.
        "temperature_c": max((t for t in temperatures if 0 < t < 200), default=None),
        "throttled": read_throttled(root),
    }


def read_all(pattern):
    """The contents of the files of that pattern, cpu2 before cpu10; those that can be read."""
    found = []
    for path in sorted(glob.glob(pattern), key=lambda path: (len(path), path)):
        try:
            with open(path) as file:
                found.append(file.read().strip())
        except OSError:
            continue  # the core is offline, the zone is asleep
    return found


def read_throttled(root="/sys"):
    """Flags of the Raspberry Pi's firmware (bits 0 to 3: now, 16 to 19: since boot), or None.

    The kernel's own get_throttled is not read: it is some seconds old, reading it leaves a warning
    with a backtrace in the kernel's log, and kernels from 6.12 on do not have it.
    """
    program = shutil.which("vcgencmd")
    if program:
        command = [program, "get_throttled"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=ASKING_S, check=True
            )
            return int(done.stdout.strip().partition("=")[2], 16)
        except (OSError, subprocess.SubprocessError, ValueError):
            pass  # the user may not ask the firmware, but the kernel does
    return read_voltage(root)


def read_voltage(root):
    """Of the same flags the one that the kernel tells everybody: under-voltage within the last two
    seconds. None where there is no such sensor."""
    for folder in glob.glob(os.path.join(root, "class/hwmon/hwmon*")):
        if read_all(os.path.join(folder, "name")) == ["rpi_volt"]:
            for alarm in read_all(os.path.join(folder, "in0_lcrit_alarm")):
                return UNDER_VOLTAGE if alarm == "1" else 0
    return None


def count_threads():
    """Threads of this process; None where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return None


def read_environment(root="/"):
    """What machine this is: the fields of ``bench/measurement/environment.py``."""
    boards = read_all(os.path.join(root, "proc/device-tree/model"))
    maxima = os.path.join(root, "sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq")
    found = {name: installed_version(name) for name in PACKAGES}
    emulated = is_emulated()
    return {
        "cpu_model": ("QEMU on " if emulated else "") + cpu_model(root),
        "cores": len(affinity() or range(os.cpu_count() or 1)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "os": os_name(),
        "architecture": program_architecture(platform.machine(), struct.calcsize("P")),
        "kernel_architecture": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version for name, version in found.items() if version},
        "board": boards[0].rstrip("\0") if boards else None,
        "max_khz": [int(text) for text in read_all(maxima) if text.isdigit()],
        "emulated": emulated,
        "governor_settable": is_governor_settable(os.path.join(root, "sys")),
    }


def cpu_model(root):
    """What the processor is called; on ARM its cores, and the chip that the board's maker names, as
    "Cortex-A72 (bcm2711)" or "4x Cortex-A55 + 4x Cortex-A76 (rk3588)"."""
    first, cores, implementer = {}, {}, 0
    for text in read_all(os.path.join(root, "proc/cpuinfo")):
        for line in text.splitlines():
            key, _, value = (part.strip() for part in line.partition(":"))
            first.setdefault(key, value)
            if key == "CPU implementer":
                implementer = int(value, 16)
            elif key == "CPU part":
                name = core_name(implementer, int(value, 16))
                cores[name] = cores.get(name, 0) + 1
    if not cores:
        return first.get("model name") or first.get("Model") or platform.processor() or "unknown"
    alike = len(cores) == 1
    names = " + ".join(name if alike else f"{count}x {name}" for name, count in cores.items())
    compatible = read_all(os.path.join(root, "proc/device-tree/compatible"))
    # From the most to the least special; the last is the chip, behind its maker's name.
    chip = compatible[0].rstrip("\0").split("\0")[-1].partition(",")[2] if compatible else ""
    return f"{names} ({chip})" if chip else names


def core_name(implementer, part):
    """The name of an ARM core, or the numbers that /proc/cpuinfo has for it."""
    return CORE_NAMES.get((implementer, part), f"ARM core {implementer:#x}/{part:#x}")


def program_architecture(kernel, pointer_bytes):
    """The instruction set that this Python was built for, by the names of wheels: often 32-bit on a
    64-bit kernel, whose name is all that the system tells."""
    return OF_32_BITS.get(kernel, kernel) if pointer_bytes == 4 else kernel


def is_governor_settable(root="/sys"):
    """Whether this user may set the frequency governor without a password. False without one."""
    files = glob.glob(os.path.join(root, "devices/system/cpu/cpu*/cpufreq/scaling_governor"))
    if not files:
        return False
    if os.access(files[0], os.W_OK):
        return True
    sudo = shutil.which("sudo")
    if not sudo:
        return False
    try:
        # Without a file, tee writes nothing. -k: a password that is remembered is neither used nor
        # remembered for longer.
        command = [sudo, "-n", "-k", "tee"]
        nothing = subprocess.DEVNULL
        done = subprocess.run(
            command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=ASKING_S
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def os_name():
    """What the distribution calls itself, such as "Debian GNU/Linux 12 (bookworm)", or None."""
    for text in read_all("/etc/os-release"):
        for line in text.splitlines():
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return value.strip("\"'")
    return None


def is_emulated():
    """Whether this is a program of another processor, run by QEMU's user mode.

    QEMU answers for /proc/self as if it were not there, but not for /proc/thread-self.
    """
    try:
        return os.path.basename(os.readlink("/proc/thread-self/exe")).startswith("qemu-")
    except OSError:
        return False  # not a Linux


def affinity():
    """The cores that this process may use; None where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def timed_ns(call):
    """How long ``call()`` takes."""
    before = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - before


def classify(session, images, result, tell):
    """Run every image, and write the outputs of each shard, dequantized, to a .npy file."""
    for number, path in enumerate(images["shards"]):
        try:
            shard = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise JobError("bad_input", f"cannot read {path[:200]}: {one_line(error)}") from error
        if shard.ndim != 4 or shard.shape[1:] != session.shape[1:] or shard.dtype.kind not in "uif":
            raise JobError(
                "bad_input",
                f"images are {shard.dtype} {list(shard.shape)}; "
                f"the model reads [n, {', '.join(map(str, session.shape[1:]))}]",
            )
        rows = []
        for pixels in shard:
            session.feed(model_input(pixels, session.dtype, images)[None])
            session.run()
            rows.append(model_output(session.output(), images))
        write_array(images["outputs"][number], np.stack(rows) if rows else np.zeros((0, 0)))
        result["images"] += len(rows)
        tell({"event": "classified", "shards": number + 1})


def write_array(path, array):
    """Write float32 ``array`` whole or not at all."""
    try:
        with open(path + ".part", "wb") as file:
            np.save(file, array.astype(np.float32))
        os.replace(path + ".part", path)
    except OSError as error:
        raise JobError("runtime_failed", f"cannot write {path[:200]}: {one_line(error)}") from error


def model_input(pixels, dtype, images):
    """Pixel values as the file reads them: scaled, and quantized where it reads integers."""
    values = pixels.astype(np.float32) * np.float32(images["scale"]) + np.float32(images["offset"])
    if dtype.kind not in "iu":
        return values.astype(dtype)
    scale, zero_point = images["input_scale"], images["input_zero_point"]
    if not scale or zero_point is None:
        raise JobError("bad_job", f"the input is {dtype}; expected input_scale, input_zero_point")
    info = np.iinfo(dtype)
    steps = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(steps, info.min, info.max).astype(dtype)


def model_output(tensor, images):
    """One row of outputs as float32, dequantized where the file gives integers."""
    row = np.array(tensor).reshape(-1)
    if row.dtype.kind not in "iu":
        return row.astype(np.float32)
    scale, zero_point = images["output_scale"], images["output_zero_point"]
    if not scale or zero_point is None:
        raise JobError(
            "bad_job", f"the output is {row.dtype}; expected output_scale, output_zero_point"
        )
    return (row.astype(np.float32) - zero_point) * np.float32(scale)


# Profile and delegation: how long each operator takes, and which run inside LiteRT's CPU delegate.


def delegation(session):
    """How a .tflite file is divided as a result gives it; None for ONNX Runtime."""
    if not hasattr(session, "interpreter"):
        return None
    own, pieces = operators(session.interpreter)
    inside = {number for piece in pieces for number in piece}
    outside = {}
    for number, operator in enumerate(own):
        if number not in inside:
            outside[operator["op_name"]] = outside.get(operator["op_name"], 0) + 1
    most_first = dict(sorted(outside.items(), key=lambda item: -item[1]))
    return {"inside": len(inside), "pieces": len(pieces), "outside": most_first}


def operators(interpreter):
    """The file's own operators, and of each piece of the delegate the numbers of those in it.

    The interpreter lists the pieces behind the file's own operators. What is inside a piece is
    found from its outputs backwards to its inputs.
    """
    listed = interpreter._get_ops_details()
    own = [operator for operator in listed if operator["op_name"] != "DELEGATE"]
    maker = {int(i): number for number, operator in enumerate(own) for i in operator["outputs"]}
    pieces = []
    for piece in listed[len(own) :]:
        borders = {int(i) for i in piece["inputs"]}
        left, found = [int(i) for i in piece["outputs"]], set()
        while left:
            tensor = left.pop()
            number = maker.get(tensor)
            if tensor not in borders and number is not None and number not in found:
                found.add(number)
                left.extend(int(i) for i in own[number]["inputs"])
        pieces.append(sorted(found))
    return own, pieces


def profile(session, job, tensor):
    """The operators of ``session`` as they ran on the input ``tensor``, as a result gives them.

    ONNX Runtime writes a profile itself. LiteRT's interpreter has none that Python can read, but
    its compiled model has one in the C API, XNNPACK's own operators included; it runs the same
    kernels. Times have a resolution of one microsecond.
    """
    runs = job["profile"]["runs"]
    if job["runtime"] == "onnxruntime":
        return profile_onnx(session, job["artifact"], tensor, runs)
    if job["runtime"] == "tflite-runtime":
        raise JobError("no_profile", "tflite-runtime has no profiler; litert has one")
    kernels = "builtin" if job["runtime"] == "litert-builtin" else "xnnpack"
    if kernels == "builtin" and job["threads"] > 1:
        # The compiled model takes the number and starts none (ai-edge-litert 2.3).
        raise JobError(
            "no_profile",
            f"LiteRT's profile of its builtin kernels is of 1 thread, not {job['threads']}; "
            "ask for 1 thread",
        )
    compiled = CompiledModel(job["artifact"], job["threads"], kernels, tensor)
    for _ in range(PROFILE_WARMUP_RUNS):
        compiled.run()
    return profile_litert(session.interpreter, [compiled.profiled_run() for _ in range(runs)])


def profile_onnx(session, path, tensor, runs):
    """ONNX Runtime's own profile; operators it has fused are listed as what they became."""
    with tempfile.TemporaryDirectory() as folder:
        session.options.enable_profiling = True
        session.options.profile_file_prefix = os.path.join(folder, "profile")
        session.load(path)
        session.feed(tensor)
        for _ in range(PROFILE_WARMUP_RUNS + runs):
            session.run()
        with open(session.session.end_profiling()) as file:
            events = json.load(file)
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
        op_time(name, kind, found[PROFILE_WARMUP_RUNS:], None)
        for (_, name, kind), found in times_us.items()
    ]


def op_time(name, kind, times_us, delegated):
    """An operator as a result gives it: the mean of the middle half of its times, since a single
    run in which another process had the core would outweigh all others."""
    quarter = len(times_us) // 4
    middle = sorted(times_us)[quarter : len(times_us) - quarter]
    mean_ns = 1000 * sum(middle) / len(middle)
    return {"name": name, "kind": kind, "mean_ns": mean_ns, "delegated": delegated}


def profile_litert(interpreter, runs):
    """Events of several runs as operators, named after those of ``interpreter``'s file.

    An event is (what the runtime calls the operator, type, number, microseconds). The number is
    that of the file's operator, or, inside the delegate, counts from 0 in each of its pieces.
    """
    if len({tuple(event[:3] for event in run) for run in runs}) != 1:
        raise JobError("no_profile", "LiteRT profiled other operators from run to run")
    own, pieces = operators(interpreter)
    name_of = operator_names(interpreter, own)
    made, inside, last = [], [], None
    for position, (tag, event, number, _) in enumerate(runs[0]):
        times_us = [run[position][3] for run in runs]
        if event != OPERATOR_EVENT:
            if last is None or number <= last:
                inside.append([])
            last = number
            inside[-1].append(len(made))
            made.append((tag, tag, times_us, True))
        elif number < len(own):  # the others are whole pieces, whose operators have events too
            last = None
            made.append((name_of[number], own[number]["op_name"], times_us, False))
    if pieces and not inside:
        raise JobError("no_profile", "LiteRT's profile does not look inside the delegate")
    if len(inside) == len(pieces):  # otherwise XNNPACK's own names are all that is known
        for piece, positions in zip(pieces, inside):  # noqa: B905
            computed = computed_by([made[p][0] for p in positions], piece, own, name_of)
            for position, (name, kind) in zip(positions, computed):  # noqa: B905
                made[position] = (name, kind, *made[position][2:])
    return [op_time(*operator) for operator in made]


def operator_names(interpreter, own):
    """The name of the first output of each operator; None where it reads constants alone, as
    float16 weights that are widened while the file is loaded."""
    tensors = {detail["index"]: detail["name"] for detail in interpreter.get_tensor_details()}
    computed = {detail["index"] for detail in interpreter.get_input_details()}
    names = []
    for operator in own:
        output = int(operator["outputs"][0])
        if computed.intersection(map(int, operator["inputs"])):
            computed.update(map(int, operator["outputs"]))
            names.append(tensors.get(output, str(output)))
        else:
            names.append(None)
    return names


def computed_by(tags, piece, own, name_of):
    """Name and kind for each of XNNPACK's operators ``tags`` in ``piece``, operators of the file.

    Several that XNNPACK has fused are joined, as ADD+MUL; what XNNPACK adds keeps its own name.
    """
    running = [number for number in piece if name_of[number] is not None]
    found = aligned([own[number]["op_name"] for number in running], tags)
    return [
        (name_of[running[members[-1]]], "+".join(own[running[m]]["op_name"] for m in members))
        if members
        else (tag, tag)
        for tag, members in zip(tags, found)  # noqa: B905
    ]


def aligned(kinds, tags):
    """For each of XNNPACK's operators ``tags`` the positions in ``kinds`` of the file's operators
    that it computes: one, several that were fused, or none where it is XNNPACK's own addition.

    Both are in execution order. The longest common subsequence is matched; a single operator of
    XNNPACK between two matches computes all that the file has there.
    """
    longest = [[0] * (len(tags) + 1) for _ in range(len(kinds) + 1)]
    for i in reversed(range(len(kinds))):
        for j in reversed(range(len(tags))):
            longest[i][j] = (
                longest[i + 1][j + 1] + 1
                if computes(tags[j], kinds[i])
                else max(longest[i + 1][j], longest[i][j + 1])
            )
    i, j, gap_i, gap_j = 0, 0, 0, 0
    found = [[] for _ in tags]
    while True:
        ended = i == len(kinds) or j == len(tags)
        if ended:
            i, j = len(kinds), len(tags)
        if ended or computes(tags[j], kinds[i]):
            if j - gap_j == 1:
                found[gap_j] = list(range(gap_i, i))
            if ended:
                return found
            found[j] = [i]
            i, j = i + 1, j + 1
            gap_i, gap_j = i, j
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1


def computes(tag, kind):
    """Whether XNNPACK's operator ``tag``, as "Fully Connected (NC, F32) GEMM", can be a ``kind``
    of the TFLite schema; 1x1 convolutions are fully connected layers there."""
    word = tag.split(" (")[0].replace(" ", "").upper()
    return word in XNNPACK_WORDS.get(kind, (kind.replace("_", ""),))


class CompiledModel:
    """A .tflite file in LiteRT's C API with profiling on, ``tensor`` as its input.

    ``kernels``: "xnnpack" or "builtin". The functions and the options' TOML are those of
    ai-edge-litert 2; whatever a version lacks or refuses is a JobError "no_profile".
    """

    def __init__(self, path, threads, kernels, tensor):
        import ai_edge_litert

        library = os.path.join(os.path.dirname(ai_edge_litert.__file__), "libLiteRt.so")
        try:
            self.library = ctypes.CDLL(library)
        except OSError as error:
            raise JobError("no_profile", f"LiteRT's C API is not to be had: {error}") from error
        self.environment = self.made("CreateEnvironment", 0, None)
        model = self.made("CreateModelFromFile", self.environment, os.fsencode(path))
        options = self.made("CreateOptions")
        self.call("SetOptionsHardwareAccelerators", options, 1)  # the CPU
        self.add(options, "runtime_options_string", "enable_profiling = true\n")
        self.add(options, "xnnpack", f'kernel_mode = "{kernels}"\nnum_threads = {threads}\n')
        self.compiled = self.made("CreateCompiledModel", self.environment, model, options)
        self.profiler = self.made("CompiledModelGetProfiler", self.compiled)
        if not self.profiler:
            raise JobError("no_profile", "LiteRT did not turn profiling on")
        subgraph = self.made("GetModelSubgraph", model, ctypes.c_size_t(0))
        self.input = self.buffer("Input", subgraph)
        self.output = self.buffer("Output", subgraph)
        data = tensor.tobytes()
        address = self.made("LockTensorBuffer", self.input, after=(1,))  # 1: to write
        ctypes.memmove(address, data, len(data))
        self.call("UnlockTensorBuffer", self.input)

    def call(self, name, *arguments):
        try:
            function = getattr(self.library, "LiteRt" + name)
        except AttributeError as error:
            raise JobError("no_profile", f"LiteRT's C API has no LiteRt{name}") from error
        status = function(*arguments)
        if status:
            raise JobError("no_profile", f"LiteRt{name} failed with status {status}")

    def made(self, name, *arguments, after=()):
        """The pointer that a call hands out behind ``arguments``."""
        pointer = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(pointer), *after)
        return pointer

    def add(self, options, identifier, text):
        """Options of one part, as TOML. LiteRT frees the text, so it must be the C library's."""
        standard = ctypes.CDLL(None)
        standard.strdup.restype = ctypes.c_void_p
        copy = ctypes.c_void_p(standard.strdup(text.encode()))
        free = ctypes.cast(standard.free, ctypes.c_void_p)
        made = self.made("CreateOpaqueOptions", identifier.encode(), copy, free)
        self.call("AddOpaqueOptions", options, made)

    def buffer(self, kind, subgraph):
        """Memory for the one input or output of the file."""
        first = ctypes.c_size_t(0)
        tensor_type = ctypes.create_string_buffer(512)  # far more than the structure has
        tensor = self.made(f"GetSubgraph{kind}", subgraph, first)
        self.call("GetRankedTensorType", tensor, tensor_type)
        needs = self.made(f"GetCompiledModel{kind}BufferRequirements", self.compiled, first, first)
        create = "CreateManagedTensorBufferFromRequirements"
        return self.made(create, self.environment, tensor_type, needs)

    def run(self):
        one = ctypes.c_size_t(1)
        buffers = one, ctypes.byref(self.input), one, ctypes.byref(self.output)
        self.call("RunCompiledModel", self.compiled, ctypes.c_size_t(0), *buffers)

    def profiled_run(self):
        """Run once; (name, type, number, microseconds) of each operator, in order."""
        self.call("ResetProfiler", self.profiler)
        self.call("StartProfiler", self.profiler)
        self.run()
        self.call("StopProfiler", self.profiler)
        count = ctypes.c_int()
        self.call("GetNumProfilerEvents", self.profiler, ctypes.byref(count))
        room = count.value * EVENT_ROOM_BYTES
        memory = ctypes.create_string_buffer(UNTOUCHED * room, room)
        self.call("GetProfilerEvents", self.profiler, count, memory)
        # What an event says about memory, in its middle, differs between versions. Its size is
        # what was written of memory that had been filled with a mark.
        written = len(memory.raw.rstrip(UNTOUCHED))
        size = 8 * math.ceil(written / max(count.value, 1) / 8)
        events = []
        for at in range(0, count.value * size, size):
            tag, event, _, time_us = struct.unpack_from("PiQQ", memory.raw, at)
            number = struct.unpack_from("Q", memory.raw, at + size - 24)[0]
            if event not in EVENTS:
                raise JobError("no_profile", f"LiteRT's profile has an event of type {event}")
            if event in OPERATOR_EVENTS:
                events.append((ctypes.string_at(tag).decode(), event, number, time_us))
        return events


# Profile and delegation end here.


def peak_rss_bytes():
    """Largest resident memory of this process so far; None where it cannot be told."""
    try:
        # VmHWM starts at exec; getrusage would still show the size of the process that forked us.
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None


def one_line(error):
    """An exception as one line of at most 400 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]


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


def pin(cores):
    """Keep this process, and the threads it will have, on ``cores``."""
    try:
        os.sched_setaffinity(0, cores)
    except (AttributeError, OSError) as error:
        raise JobError("bad_job", f"cores {cores} cannot be had: {one_line(error)}") from error


def turns_until_enough(samples, enough):
    """Turn after turn until the plan's own stop rule is met."""
    return not enough


def settle():
    """Wait until this process sleeps with all its threads, so that the next has the cores.

    ONNX Runtime's threads spin for some 40 ms behind an inference, waiting for another.
    """
    end = time.monotonic() + SETTLE_LIMIT_S
    while time.monotonic() < end:
        before = time.process_time()
        time.sleep(SETTLE_S)
        if time.process_time() - before < SETTLED_S:
            return


def turns_on_request(tell):
    """A turn for each line of standard input; ``tell`` is told how far it is."""
    begun = False

    def wanted(samples, enough):
        nonlocal begun
        settle()
        tell({"event": "turn", "samples": samples, "enough": enough} if begun else READY)
        begun = True
        return bool(sys.stdin.readline())

    return wanted


def run(arguments, tell):
    """The result of the job; whatever fails is in its ``error``."""
    names = ("runtime", "runtime_version", "threads", "os_threads", "load_ns", "prepare_ns")
    names += ("first_inference_ns", "warmup_runs", "warmup_stable", "others_share", "stolen_share")
    result = {"version": VERSION, **dict.fromkeys(names), "affinity": affinity()}
    result.update(samples_ns=[], turns=[], states=[], peak_rss_bytes=None, images=0, error=None)
    result.update(delegate=None, profile=[])
    try:
        if np is None:
            raise JobError("missing_runtime", f"numpy is not installed for {sys.executable}")
        job = read_job(read_text(arguments))
        result.update(runtime=job["runtime"], threads=job["threads"])
        if job["affinity"] is not None:
            pin(job["affinity"])
            result["affinity"] = affinity()
        session = open_session(job, result)
        result["delegate"] = delegation(session)
        if job["profile"]:
            result["profile"] = profile(session, job, noise(session))
        if job["plan"]:
            wanted = turns_on_request(tell) if job["in_turns"] else turns_until_enough
            time_session(session, job, result, wanted)
        result["peak_rss_bytes"] = peak_rss_bytes()
        if job["images"]:
            classify(session, job["images"], result, tell)
    except JobError as error:
        result["error"] = {"kind": error.kind, "message": str(error)}
    except MemoryError as error:
        result["error"] = {"kind": "out_of_memory", "message": one_line(error)}
    except Exception as error:
        result["error"] = {"kind": "runtime_failed", "message": one_line(error)}
    return result


def main(arguments):
    """Do the job, keep the runtimes' own chatter off standard output, write the result."""
    real_stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(message):
        real_stdout.write(json.dumps(message) + "\n")
        real_stdout.flush()

    if arguments == ["--environment"]:
        tell(read_environment())
        return 0
    result = run(arguments, tell)
    tell(result)
    return EXIT_CODES.get(result["error"]["kind"], 3) if result["error"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
