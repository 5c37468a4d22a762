"""A bare loop around ``invoke`` that takes turns as the runner does, for
``bench/studies/overhead.py`` to compare the runner with. It opens its file by itself."""

import json
import sys
import time

import numpy as np

from quantize.runtime.model_session import EXACT_PRODUCTS
from quantize.runtime.vnni import lacks_vnni

SPINNING_S = 0.1  # longer than ONNX Runtime's threads wait for more to do
DTYPES = {"tensor(float)": np.float32, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8}


def session(job):
    """The function to time: the file is loaded, its input set."""
    if job["format"] == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = job["threads"]
        if lacks_vnni():  # as the runner
            options.add_session_config_entry(*EXACT_PRODUCTS)
        found = onnxruntime.InferenceSession(job["artifact"], options)
        kind = DTYPES[found.get_inputs()[0].type]
        feed = {"image": noise(found.get_inputs()[0].shape, kind)}
        return lambda: found.run(None, feed)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(job["artifact"], num_threads=job["threads"])
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], noise(details["shape"], details["dtype"]))
    return interpreter.invoke


def noise(shape, dtype):
    """The input that the runner uses as well."""
    values = np.random.default_rng(0).uniform(-1, 1, shape)
    if np.dtype(dtype).kind in "iu":
        values = (values + 1) / 2 * 255 + np.iinfo(dtype).min
    return values.astype(dtype)


def main():
    job = json.loads(sys.stdin.readline())
    invoke, turn_s = session(job), job["plan"]["turn_s"]
    end = time.perf_counter() + 1
    while time.perf_counter() < end:
        invoke()
    time.sleep(SPINNING_S)
    print('{"event": "ready"}', flush=True)
    samples, turns = [], []
    while sys.stdin.readline():
        invoke()
        count, end = len(samples), time.perf_counter_ns() + turn_s * 1e9
        while time.perf_counter_ns() < end:
            start = time.perf_counter_ns()
            invoke()
            samples.append(time.perf_counter_ns() - start)
        turns.append([0, len(samples) - count])
        time.sleep(SPINNING_S)
        print('{"event": "turn", "samples": 0, "enough": true}', flush=True)
    result = {"version": 3, "samples_ns": samples, "turns": turns, "states": [], "load_ns": 0}
    print(json.dumps({**result, "runtime": job["runtime"], "affinity": None, "error": None}))


if __name__ == "__main__":
    main()
