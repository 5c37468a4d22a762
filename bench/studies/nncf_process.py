"""NNCF and OpenVINO on one network: a program of its own, for a Python that has both.

``python -I nncf_process.py job.json`` quantizes the job's ``float32`` .onnx on its ``calibration``
images, with the accurate bias correction, and runs what came out in OpenVINO. ``ranges``, of
activations: "mean" of each image's smallest and largest value, which is NNCF's default, or
"min-max" of all images. ``overflow_fix``, where it is there and true: weights have half the range,
or the sums of products overflow in CPUs without VNNI. It writes ``int8`` (.onnx), ``outputs``
(.npy, float32 [n, k]) and ``result`` (.json: seconds and latency ratio). Imports nothing of ours.
"""

import json
import os
import statistics
import sys
import time

ROUNDS, RUNS_A_ROUND = 40, 5
# float32 stays float32 where the CPU has bfloat16: it would be a faster and a worse reference.
SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


def ratio_in_turns(run_float32, run_int8, rounds: int = ROUNDS) -> float:
    """The median time of ``run_int8`` over that of the other, measured in turns."""
    runs, took_s = (run_float32, run_int8), ([], [])
    for run in runs:
        run()
    for _ in range(rounds):
        for run, times_s in zip(runs, took_s):  # noqa: B905
            for _ in range(RUNS_A_ROUND):
                start = time.perf_counter()
                run()
                times_s.append(time.perf_counter() - start)
    float32_s, int8_s = map(statistics.median, took_s)
    return int8_s / float32_s


def quantize(job: dict) -> float:
    """Write ``int8``; the seconds of quantization alone."""
    os.environ["NNCF_CI"] = "1"  # otherwise it tells its maker that it was used
    import nncf
    import numpy as np
    import onnx

    model = onnx.load(job["float32"])
    name = model.graph.input[0].name
    images = np.load(job["calibration"], mmap_mode="r")
    dataset = nncf.Dataset([{name: np.array(image[None])} for image in images])
    advanced = nncf.AdvancedQuantizationParameters()
    if job["ranges"] == "min-max":
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        advanced.activations_range_estimator_params = RangeEstimatorParametersSet.MINMAX
    if job.get("overflow_fix"):
        from nncf.quantization.advanced_parameters import OverflowFix

        advanced.overflow_fix = OverflowFix.ENABLE
    start = time.perf_counter()
    made = nncf.quantize(
        model,
        dataset,
        subset_size=len(images),
        fast_bias_correction=False,
        advanced_parameters=advanced,
    )
    seconds = time.perf_counter() - start
    onnx.save(made, job["int8"])
    return seconds


def run_in_openvino(job: dict) -> float:
    """Write ``outputs``; the latency of int8 over that of float32."""
    import numpy as np
    import openvino

    core = openvino.Core()
    settings = {**SETTINGS, "INFERENCE_NUM_THREADS": job["threads"]}
    float32, int8 = (
        core.compile_model(job[form], "CPU", settings).create_infer_request()
        for form in ("float32", "int8")
    )
    images = np.load(job["judging"], mmap_mode="r")

    def outputs(image):
        found = int8.infer({0: np.array(image[None])})
        return np.concatenate([np.ravel(tensor) for tensor in found.values()])

    np.save(job["outputs"], np.stack([outputs(image) for image in images]).astype(np.float32))
    fed = {0: np.array(images[0][None])}
    return ratio_in_turns(lambda: float32.infer(fed), lambda: int8.infer(fed), job["rounds"])


def main(job_file: str) -> None:
    with open(job_file) as file:
        job = json.load(file)
    seconds = quantize(job)
    ratio = run_in_openvino(job)
    with open(job["result"], "w") as file:
        json.dump({"seconds": seconds, "latency_ratio": ratio}, file)


if __name__ == "__main__":
    main(sys.argv[1])
