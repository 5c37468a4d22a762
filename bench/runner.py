"""Runs one job on the machine it is started on: the only file of the bench that goes to a device.

    python runner.py [job.json]        the job as one line on standard input, or in a file; the
                                       result on standard output; all else on standard error
    python runner.py --environment     what machine this is, as JSON

It needs the standard library, numpy and the one runtime that the job names. A job (version 2):

    version    2
    artifact   path of a .tflite or .onnx file with one input of batch 1 and one output
    format     "tflite" or "onnx"
    runtime    "litert", "litert-builtin" (LiteRT without its delegate XNNPACK), "tflite-runtime" or
               "onnxruntime"
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
               tensors (null where they are float), "outputs": path to write, as .npy, the
               float32 [images, classes] outputs to}

Turns. With ``in_turns`` the runner writes {"event": "ready"} behind warm-up. For each further line
on standard input it takes one turn and writes {"event": "turn", "samples": how many there are now,
"enough": whether its own stop rule is met}; at the end of input it writes the result. What is
wrong at any point is in the result, which then comes instead.

The result (version 2), one line; times are integers in nanoseconds, null where not measured:

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
    error                           null, or {"kind", "message"}

Error kinds and exit codes: "bad_job", "bad_model", "bad_input" 2; "missing_runtime",
"out_of_memory", "runtime_failed" 3. The exit code is 0 without an error.
"""

import glob
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time

# Python puts this file's folder first on the path; its neighbours must not hide standard modules.
if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]

try:
    import numpy as np
except ImportError:
    np = None

VERSION = 2
RUNTIMES = {"tflite": ("litert", "litert-builtin", "tflite-runtime"), "onnx": ("onnxruntime",)}
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
    "outputs": str,
}
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
}
WARMUP_WINDOW_S = 0.05
READY = {"event": "ready"}
FALLING = 0.98  # of the window before: below that, inferences still get faster
STATE_PERIOD_S = 1.0


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


def read_job(text):
    """The job in ``text``, checked field by field."""
    try:
        job = json.loads(text)
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
        if not all(isinstance(path, str) for path in images["shards"]):
            raise JobError("bad_job", "job.images.shards has something else than paths")
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


def time_session(session, job, result, turn_wanted):
    """Warm up, then take turns for as long as ``turn_wanted(runs so far, enough)`` is true."""
    plan = job["plan"]
    noise = np.random.default_rng(0).uniform(-1, 1, session.shape)
    if session.dtype.kind in "iu":
        info = np.iinfo(session.dtype)
        noise = (noise + 1) / 2 * (info.max - info.min) + info.min
    session.feed(noise.astype(session.dtype))
    begun = time.monotonic()
    result["states"].append(read_state(begun))
    result["first_inference_ns"] = timed_ns(session.run)
    warm_up(session, plan, result)
    result["os_threads"] = count_threads()
    medians, spent_s, zero, shares = [], 0.0, time.perf_counter_ns(), Shares()
    while turn_wanted(len(result["samples_ns"]), is_enough(plan, medians, spent_s, result)):
        shares.begin()
        start = time.perf_counter_ns()
        times = take_turn(session, plan["turn_s"])
        shares.end()
        result["turns"].append([start - zero, len(times)])
        result["samples_ns"] += times
        medians.append(median(times))
        spent_s += sum(times) / 1e9
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
    """Flags of the Raspberry Pi's firmware (bits 0 to 3: now, 16 to 19: since boot), or None."""
    for text in read_all(os.path.join(root, "devices/platform/soc/soc:firmware/get_throttled")):
        return int(text, 16)
    program = shutil.which("vcgencmd")
    if not program:
        return None  # not a Raspberry Pi
    command = [program, "get_throttled"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        return int(done.stdout.strip().partition("=")[2], 16)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # the user may not ask the firmware


def count_threads():
    """Threads of this process; None where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return None


def read_environment():
    """What machine this is: the fields of ``bench/environment.py``."""
    cpu = {}
    for text in read_all("/proc/cpuinfo"):
        for line in text.splitlines():
            key, _, value = line.partition(":")
            cpu.setdefault(key.strip(), value.strip())
    boards = read_all("/proc/device-tree/model")
    maxima = read_all("/sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq")
    found = {name: installed_version(name) for name in PACKAGES}
    return {
        "cpu_model": cpu.get("model name") or cpu.get("Model") or platform.processor() or "unknown",
        "cores": len(affinity() or range(os.cpu_count() or 1)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version for name, version in found.items() if version},
        "board": boards[0].rstrip("\0") if boards else None,
        "max_khz": [int(text) for text in maxima if text.isdigit()],
        "emulated": False,
    }


def affinity():
    """The cores that this process may use; None where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def timed_ns(call):
    """How long ``call()`` takes."""
    before = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - before


def classify(session, images, result):
    """Run every image of every shard and write the outputs, dequantized, to one .npy file."""
    rows = []
    for path in images["shards"]:
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
        for pixels in shard:
            session.feed(model_input(pixels, session.dtype, images)[None])
            session.run()
            rows.append(model_output(session.output(), images))
        result["images"] = len(rows)
    outputs = np.stack(rows) if rows else np.zeros((0, 0), np.float32)
    with open(images["outputs"] + ".part", "wb") as file:
        np.save(file, outputs)
    os.replace(images["outputs"] + ".part", images["outputs"])


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
        if not arguments:
            return sys.stdin.readline()
        with open(arguments[0]) as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise JobError("bad_job", f"the job cannot be read: {one_line(error)}") from error


def pin(cores):
    """Keep this process, and the threads it will have, on ``cores``."""
    try:
        os.sched_setaffinity(0, cores)
    except (AttributeError, OSError) as error:
        raise JobError("bad_job", f"cores {cores} cannot be had: {one_line(error)}") from error


def turns_until_enough(samples, enough):
    """Turn after turn until the plan's own stop rule is met."""
    return not enough


def turns_on_request(tell):
    """A turn for each line of standard input; ``tell`` is told how far it is."""
    begun = False

    def wanted(samples, enough):
        nonlocal begun
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
    try:
        if np is None:
            raise JobError("missing_runtime", f"numpy is not installed for {sys.executable}")
        job = read_job(read_text(arguments))
        result.update(runtime=job["runtime"], threads=job["threads"])
        if job["affinity"] is not None:
            pin(job["affinity"])
            result["affinity"] = affinity()
        session = open_session(job, result)
        if job["plan"]:
            wanted = turns_on_request(tell) if job["in_turns"] else turns_until_enough
            time_session(session, job, result, wanted)
        result["peak_rss_bytes"] = peak_rss_bytes()
        if job["images"]:
            classify(session, job["images"], result)
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
