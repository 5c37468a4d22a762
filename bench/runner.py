"""Runs one job on the machine it is started on: the only file of the bench that goes to a device.

    python runner.py [job.json]        the job on standard input or in a file, the result on
                                       standard output, both JSON; all else on standard error

It needs the standard library, numpy and the one runtime that the job names. A job (version 1):

    version    1
    artifact   path of a .tflite or .onnx file with one input of batch 1 and one output
    format     "tflite" or "onnx"
    runtime    "litert", "tflite-runtime" or "onnxruntime"
    threads    threads that the runtime is told to use, from 1 to 1024
    plan       null, or how to time it: {"warmup_runs", "warmup_s", "samples", "time_limit_s"};
               warm-up ends when both its figures are reached, sampling when either of its is
    images     null, or what to classify: {"shards": paths of .npy files of pixel values
               [n, h, w, c], "scale", "offset": float input = pixel * scale + offset,
               "input_scale", "input_zero_point", "output_scale", "output_zero_point": of integer
               tensors (null where they are float), "outputs": path to write, as .npy, the
               float32 [images, classes] outputs to}

The result (version 1); times are integers in nanoseconds, null where they were not measured:

    version, runtime, runtime_version, threads (as asked of the runtime), load_ns (open the file),
    prepare_ns (allocate; null where the runtime does that in load_ns), first_inference_ns,
    samples_ns (every warm inference in order), peak_rss_bytes (after the timed part), images
    (how many were classified), error (null, or {"kind", "message"})

Error kinds and exit codes: "bad_job", "bad_model", "bad_input" 2; "missing_runtime",
"runtime_failed" 3. The exit code is 0 without an error.
"""

import json
import os
import sys
import time

# Python puts this file's folder first on the path; its neighbours must not hide standard modules.
if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]

try:
    import numpy as np
except ImportError:
    np = None

VERSION = 1
RUNTIMES = {"tflite": ("litert", "tflite-runtime"), "onnx": ("onnxruntime",)}
EXIT_CODES = {"bad_job": 2, "bad_model": 2, "bad_input": 2}
PLAN_KEYS = {"warmup_runs": int, "warmup_s": float, "samples": int, "time_limit_s": float}
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
    "plan": (dict, None),
    "images": (dict, None),
}


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
        fits = isinstance(given, allowed) and not isinstance(given, bool)
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
        if plan["samples"] < 1 or min(plan.values()) < 0:
            raise JobError("bad_job", "job.plan has a negative figure or asks for no sample")
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
        if runtime == "litert":
            import ai_edge_litert as package
            from ai_edge_litert.interpreter import Interpreter
        else:
            import tflite_runtime as package
            from tflite_runtime.interpreter import Interpreter
        self.version = getattr(package, "__version__", None) or installed_version(runtime)
        self.interpreter_class, self.threads = Interpreter, threads

    def load(self, path):
        self.interpreter = self.interpreter_class(model_path=path, num_threads=self.threads)

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


def installed_version(name):
    """Version of the installed package of that runtime, or "unknown"."""
    from importlib import metadata

    try:
        return metadata.version({"litert": "ai-edge-litert"}.get(name, name))
    except metadata.PackageNotFoundError:
        return "unknown"


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


def time_session(session, plan, result):
    """Warm up and sample as ``plan`` says; the input is the same noise each time."""
    noise = np.random.default_rng(0).uniform(-1, 1, session.shape)
    if session.dtype.kind in "iu":
        info = np.iinfo(session.dtype)
        noise = (noise + 1) / 2 * (info.max - info.min) + info.min
    session.feed(noise.astype(session.dtype))
    result["first_inference_ns"] = timed_ns(session.run)
    start, runs = time.monotonic(), 0
    while runs < plan["warmup_runs"] or time.monotonic() - start < plan["warmup_s"]:
        session.run()
        runs += 1
    start, clock, run = time.monotonic(), time.perf_counter_ns, session.run
    samples = result["samples_ns"]
    while len(samples) < plan["samples"]:
        before = clock()
        run()
        samples.append(clock() - before)
        if time.monotonic() - start >= plan["time_limit_s"]:
            break


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
    """The text of the job: the file that is named, or standard input."""
    try:
        if not arguments:
            return sys.stdin.read()
        with open(arguments[0]) as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise JobError("bad_job", f"the job cannot be read: {one_line(error)}") from error


def run(arguments):
    """The result of the job; whatever fails is in its ``error``."""
    names = ("runtime", "runtime_version", "threads", "load_ns", "prepare_ns")
    result = {"version": VERSION, **dict.fromkeys((*names, "first_inference_ns"))}
    result.update(samples_ns=[], peak_rss_bytes=None, images=0, error=None)
    try:
        if np is None:
            raise JobError("missing_runtime", f"numpy is not installed for {sys.executable}")
        job = read_job(read_text(arguments))
        result.update(runtime=job["runtime"], threads=job["threads"])
        session = open_session(job, result)
        if job["plan"]:
            time_session(session, job["plan"], result)
        result["peak_rss_bytes"] = peak_rss_bytes()
        if job["images"]:
            classify(session, job["images"], result)
    except JobError as error:
        result["error"] = {"kind": error.kind, "message": str(error)}
    except Exception as error:
        result["error"] = {"kind": "runtime_failed", "message": one_line(error)}
    return result


def main(arguments):
    """Read the job, keep the runtimes' own chatter off standard output, write the result."""
    real_stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    result = run(arguments)
    with real_stdout:
        json.dump(result, real_stdout)
    return EXIT_CODES.get(result["error"]["kind"], 3) if result["error"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
