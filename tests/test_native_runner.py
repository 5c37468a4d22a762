"""The native runner gives the same results as the Python runner for the same jobs."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny_models
from both_runners import BothRunners, check_alike
from tiny_models import write_export, write_images

from bench.measurement.job import Images, Job
from bench.measurement.plan import Plan
from models.networks.spec import Preprocess
from quantize.graph.graph import Graph
from quantize.schemes import float16

# A turn of 0 s is one inference, so that even the numbers of samples are the same, and no spread
# that a busy machine can make asks for more of them.
PLAN = Plan(
    warmup_runs=3, warmup_s=0.0, min_samples=7, precision=1e6, time_limit_s=30.0, turn_s=0.0
)
ROWS = [
    ("tflite", scheme, *row)
    for scheme in ("float32", "float16", "int8")
    for row in (("litert", 1), ("litert", 2), ("litert-builtin", 1))
]
ROWS += [("onnx", scheme, "onnxruntime", n) for scheme in ("float32", "int8") for n in (1, 2)]


@pytest.fixture(scope="module")
def both(native_runner, native_libraries):
    return BothRunners(native_runner, native_libraries)


@pytest.fixture
def exported(tmp_path):
    """Files of the tiny network by (format, scheme), and the folder's 30 images in two shards."""
    found = {}
    for artifact in write_export(tmp_path / "out").artifacts:
        found[artifact.format, artifact.scheme] = (tmp_path / "out/tiny" / artifact.name, artifact)
    half = tmp_path / "float16.tflite"
    half.write_bytes(float16.quantize(Graph(tiny_models.tflite())).content)
    found["tflite", "float16"] = (half, found["tflite", "float32"][1])
    pixels = np.load(write_images(tmp_path / "data.npz"))["x"]
    np.save(tmp_path / "a.npy", pixels[:20])
    np.save(tmp_path / "b.npy", pixels[20:])
    return found


def ends(artifact):
    return artifact.inputs[0], artifact.outputs


@pytest.mark.parametrize(("file_format", "scheme", "runtime", "threads"), ROWS)
def test_every_field_of_the_result_is_that_of_the_python_runner(
    tmp_path, both, exported, file_format, scheme, runtime, threads
):
    path, artifact = exported[file_format, scheme]
    shards, outputs = [tmp_path / "a.npy", tmp_path / "b.npy"], [tmp_path / "x", tmp_path / "y"]
    images = Images(shards, 30, Preprocess(), artifact.inputs[0], artifact.outputs, outputs)
    asked = Job(
        path, file_format, runtime, threads, PLAN, images, affinity=(0,), profile_runs=3
    ).to_json()
    answers, written = [], []
    for run in (both.python, both.native):
        answers.append(run(asked))
        written.append([output.read_bytes() for output in outputs])
        for output in outputs:
            output.unlink()
    python, native = answers
    assert written[0] == written[1]
    assert python.code == native.code == 0, (python, native)
    check_alike(python.result, native.result)
    assert python.events == native.events
    assert len(python.result["samples_ns"]) == len(native.result["samples_ns"])
    assert python.result["warmup_runs"] == native.result["warmup_runs"] > 0
    assert native.result["images"] == 30 and native.result["profile"]
    assert min(op["mean_ns"] for op in native.result["profile"]) >= 0
    assert all(native.result[name] > 0 for name in ("load_ns", "first_inference_ns"))
    assert 2**20 < native.result["peak_rss_bytes"] < 2**32


def test_both_take_a_turn_for_each_line(both, job):
    plan = replace(PLAN, precision=0.0, time_limit_s=1e6)
    asked = replace(job, plan=plan, in_turns=True).to_json()
    for requests in ("", "\n", "\n\n\n", "\n\nlast"):
        python, native = both.run(f"{asked}\n{requests}")
        assert python.events == native.events
        assert len(native.events) == 1 + len(requests.splitlines())
        assert python.code == native.code == 0
        check_alike(python.result, native.result)


def test_the_job_may_come_in_a_file(tmp_path, both, job):
    (tmp_path / "job.json").write_text(replace(job, plan=None).to_json())
    python, native = both.run("", tmp_path / "job.json")
    assert python.code == native.code == 0
    check_alike(python.result, native.result)
    assert both.refused("", tmp_path / "gone.json")[1].kind == "bad_job"


def test_both_take_names_that_are_no_utf8(tmp_path, both, exported):
    """Photographs of a camera card, and a model beside them."""
    odd = tmp_path / os.fsdecode(b"\xf4\x8f\xe9 \xf0\x9f\x92\x80 caf\xe9\xff\\")
    odd.mkdir()
    for file_format, runtime in (("tflite", "litert"), ("onnx", "onnxruntime")):
        path, artifact = exported[file_format, "float32"]
        shutil.copy(path, odd / path.name)
        shutil.copy(tmp_path / "a.npy", odd)
        outputs = [odd / "x.npy"]
        images = Images([odd / "a.npy"], 20, Preprocess(), *ends(artifact), outputs)
        asked = Job(odd / path.name, file_format, runtime, 1, images=images, profile_runs=2)
        written = []
        for answer in both.run(asked.to_json()):
            assert answer.result["error"] is None and answer.result["profile"], answer
            written.append(outputs[0].read_bytes())
        assert written[0] == written[1]


def changed(job, **fields):
    return json.dumps({**json.loads(job.to_json()), **fields})


def without(job, field):
    return json.dumps({name: v for name, v in json.loads(job.to_json()).items() if name != field})


def broken_jobs(job):
    """Jobs that are none, and what both runners say to them."""
    plan = json.loads(job.to_json())["plan"]
    pictures = {
        "shards": [], "scale": 1, "offset": 0, "input_scale": None, "input_zero_point": None,
        "output_scale": None, "output_zero_point": None, "outputs": [],
    }  # fmt: skip
    return {
        "": "not JSON",
        "{": "not JSON",
        "[" * 1_000_000: "not JSON",
        '{"a":' * 1_000_000: "not JSON",
        "[]": "expected",
        "17": "expected",
        "null": "expected",
        '"text"': "expected",
        "\ufeff{}": "not JSON",
        job.to_json()[:-1] + ', "threads": 2}': "twice",
        without(job, "version"): "version",
        without(job, "threads"): "threads",
        changed(job, version=1): "version 1",
        changed(job, version=3.0): "job.version",
        changed(job, version=True): "version",
        changed(job, extra=1): "extra",
        changed(job, artifact=7): "job.artifact",
        changed(job, artifact=None): "job.artifact",
        changed(job, format="onnx"): "format 'onnx'",
        changed(job, format="x" * 100_000): "format 'xxx",
        changed(job, runtime="onnxruntime"): "format 'tflite'",
        changed(job, threads=-1): "threads is -1",
        changed(job, threads=0): "threads is 0",
        changed(job, threads=1025): "threads is 1025",
        changed(job, threads=2**80): "job.threads",
        changed(job, threads=10**13): "out of range",
        changed(job, threads=1.0): "job.threads",
        changed(job, threads="2"): "job.threads",
        changed(job, threads=True): "job.threads",
        changed(job, threads=[[[1]]]): "job.threads",
        changed(job, in_turns=1): "job.in_turns",
        changed(job, unasked=None): "job.unasked",
        changed(job, unasked=[7]): "job.unasked",
        changed(job, in_turns=None): "job.in_turns",
        changed(job, in_turns=True, plan=None): "without a plan",
        changed(job, affinity={}): "job.affinity",
        changed(job, affinity=["0"]): "job.affinity",
        changed(job, affinity=[True]): "job.affinity",
        changed(job, affinity=[0.0]): "job.affinity",
        changed(job, affinity=[-1]): "job.affinity",
        changed(job, affinity=[2**70]): "job.affinity",
        changed(job, affinity=[4095]): "cannot be had",
        changed(job, affinity=[]): "cannot be had",
        changed(job, plan=[]): "job.plan",
        changed(job, plan={"min_samples": 3}): "job.plan",
        changed(job, plan={**plan, "min_samples": 0}): "no sample",
        changed(job, plan={**plan, "warmup_s": -1}): "negative",
        changed(job, plan={**plan, "warmup_s": True}): "job.plan.warmup_s",
        changed(job, plan={**plan, "warmup_runs": 0.5}): "job.plan.warmup_runs",
        changed(job, images=[]): "job.images",
        changed(job, images={}): "job.images",
        changed(job, images={**pictures, "shards": ["a"]}): "one of outputs",
        changed(job, images={**pictures, "shards": [1], "outputs": ["a"]}): "from paths",
        changed(job, images={**pictures, "scale": None}): "job.images.scale",
        changed(job, images={**pictures, "input_zero_point": 0.5}): "job.images.input_zero_point",
        changed(job, profile=3): "job.profile",
        changed(job, profile={"runs": 0}): "runs is 0",
        changed(job, profile={"runs": 10**5}): "runs is 100000",
    }


def test_both_refuse_the_same_jobs_with_the_same_words(tmp_path, both, job):
    for text, message in broken_jobs(job).items():
        python, native = both.refused_unstarted(text, tmp_path / "job.json")
        assert (native.kind, native.code) == ("bad_job", 2), text[:200]
        assert message in native.message and message in python.message, (text[:200], native.message)


def test_numbers_and_texts_that_json_has_not_are_a_bad_job(both, job):
    for text in (
        changed(job, plan={**json.loads(job.to_json())["plan"], "warmup_s": float("nan")}),
        changed(job, plan={**json.loads(job.to_json())["plan"], "warmup_s": float("inf")}),
        changed(job, plan={**json.loads(job.to_json())["plan"], "warmup_s": 1e300}),
        job.to_json().replace('"threads": 1', '"threads": 1e999'),
        job.to_json().encode().replace(b"float32", b"\xff\xfe"),
    ):
        assert both.refused(text)[1].kind == "bad_job", text


def test_a_job_of_more_than_64_mib_is_a_bad_job(both, job):
    for answer in both.refused(changed(job, artifact="x" * (64 * 2**20))):
        assert answer.kind == "bad_job" and "longer than" in answer.message


def test_both_refuse_the_same_files(tmp_path, both, job):
    for content in (b"not a model", b"", tiny_models.tflite()[:200], tiny_models.tflite()[:-300]):
        job.artifact.write_bytes(content)
        assert both.refused(job.to_json())[1].kind == "bad_model", content[:20]
    (tmp_path / "x.onnx").write_bytes(b"not a model")
    onnx = changed(job, artifact=str(tmp_path / "x.onnx"), format="onnx", runtime="onnxruntime")
    assert both.refused(onnx)[1].kind == "bad_model"
    for path in ("/gone", str(tmp_path), f"{job.artifact}\0", ""):
        assert both.refused(changed(job, artifact=path))[1].kind == "bad_model"


def test_both_refuse_the_same_images(tmp_path, both, job):
    np.save(tmp_path / "large.npy", np.zeros((2, 5, 5, 3), np.uint8))
    np.save(tmp_path / "fits.npy", np.zeros((2, 8, 8, 3), np.uint8))
    (tmp_path / "none.npy").write_bytes(b"not an array")
    (artifact, *_) = write_export(tmp_path / "out").artifacts
    for name, outputs, kind in (
        ("large.npy", "x.npy", "bad_input"),
        ("none.npy", "x.npy", "bad_input"),
        ("gone.npy", "x.npy", "bad_input"),
        ("fits.npy", "gone/x.npy", "runtime_failed"),
    ):
        images = Images([tmp_path / name], 2, Preprocess(), *ends(artifact), [tmp_path / outputs])
        asked = replace(job, plan=None, images=images).to_json()
        assert both.refused(asked)[1].kind == kind, name
        assert not (tmp_path / "x.npy").exists()


def test_each_runner_names_the_runtimes_that_only_the_other_has(both, job):
    for runtime, whose in (
        ("tflite-runtime", both.native), ("litert-gpu", both.python), ("litert-npu", both.python)
    ):  # fmt: skip
        answer = whose(replace(job, runtime=runtime).to_json())
        assert (answer.kind, answer.code) == ("missing_runtime", 3)
        assert runtime in answer.message


def test_without_its_library_a_runtime_is_missing(tmp_path, native_runner, exported):
    alone = BothRunners(native_runner, tmp_path)
    rows = [("tflite", name) for name in ("litert", "litert-builtin", "litert-gpu", "litert-npu")]
    for file_format, runtime in [*rows, ("onnx", "onnxruntime")]:
        path, _ = exported[file_format, "float32"]
        native = alone.native(Job(path, file_format, runtime, 1).to_json())
        assert (native.kind, native.code) == ("missing_runtime", 3)
        assert str(tmp_path) in native.message and ".so" in native.message


def test_more_threads_than_the_builtin_kernels_use_are_refused(both, job):
    native = both.native(replace(job, runtime="litert-builtin", threads=2).to_json())
    assert native.kind == "runtime_failed" and "THREADS=1" in native.message
