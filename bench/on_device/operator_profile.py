"""The time of each operator, from the runtime's own profiler."""

from bench.on_device.compiled_model import CompiledModel
from bench.on_device.job_error import JobError
from bench.on_device.litert_profile import profile_litert
from bench.on_device.onnx_profile import profile_onnx
from bench.on_device.operator_time import PROFILE_WARMUP_RUNS


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
