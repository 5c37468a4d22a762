"""The native runner on what is broken: an error as JSON, never a crash."""

import itertools
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny_models
from native_runner import built

ANSWER_S = 20.0  # then a broken model has put its runtime into an endless loop
EXIT_CODES = {
    "bad_job": 2, "bad_model": 2, "bad_input": 2,
    "missing_runtime": 3, "no_profile": 3, "out_of_memory": 3, "runtime_failed": 3,
    "crashed": 3,  # the runtime, in a process of its own, whose end the runner tells
}  # fmt: skip
# The top of a sanitizer's trace is in the runner, or in what it called of the C++ library.
OWN_FAULT = re.compile(
    rb"#0 \S+ in harness::|#0 \S+ in (?:std::|\w*mem\w+ ).*\n +#1 \S+ in harness::|runtime error:"
)
MODELS = {"tflite": tiny_models.tflite, "onnx": tiny_models.onnx}
RUNTIMES = {"tflite": "litert", "onnx": "onnxruntime"}


@pytest.mark.parametrize(
    ("seed", "jobs", "long_bytes"),  # few are of tens of MB
    [
        pytest.param(2, 10_000, 100_000, marks=pytest.mark.slow),
        pytest.param(1, 100_000, 1_000_000, marks=pytest.mark.fuzz),
    ],
)
def test_broken_jobs_end_in_a_job_or_a_failure(seed, jobs, long_bytes):
    done = subprocess.run(
        [built("fuzz_jobs"), str(seed), str(jobs)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["jobs"] == jobs == counts["bad_job"] + counts["bad_model"] + counts["read"]
    # Otherwise it does not reach what follows the first check, or breaks nothing.
    assert min(counts["bad_job"], counts["bad_model"], counts["read"]) > jobs // 1000
    assert counts["longest_bytes"] > long_bytes


@pytest.fixture
def run(native_runner, native_libraries, tmp_path):
    """``run(job)``: the error of a job, or of its text, and that its exit code agrees."""

    def run(job, timeout_s=120.0):
        text = job if isinstance(job, bytes) else json.dumps(job).encode() + b"\n"
        done = subprocess.run(
            [native_runner, "--libraries", native_libraries],
            input=text, capture_output=True, cwd=tmp_path, timeout=timeout_s,
        )  # fmt: skip
        assert done.returncode in (0, 2, 3), (done.returncode, done.stderr[-2000:])
        # Where the runner itself is at fault; a runtime may be, in a broken model.
        assert not OWN_FAULT.search(done.stderr), done.stderr
        error = json.loads(done.stdout.splitlines()[-1])["error"]
        assert done.returncode == (EXIT_CODES[error["kind"]] if error else 0)
        return error

    return run


def job_of(path, artifact_format, **values):
    return {
        "version": 3, "artifact": str(path), "format": artifact_format,
        "runtime": RUNTIMES[artifact_format], "threads": 1, "affinity": None, "plan": None,
        "in_turns": False, "images": None, "profile": None, "unasked": [], **values,
    }  # fmt: skip


def images_of(folder, pixels):
    """The part of a job that classifies the .npy file ``pixels``, an array or bytes."""
    shard = folder / "pixels.npy"
    if isinstance(pixels, bytes):
        shard.write_bytes(pixels)
    else:
        np.save(shard, pixels)
    return {
        "shards": [str(shard)], "scale": 1 / 127.5, "offset": -1.0,
        "input_scale": None, "input_zero_point": None,
        "output_scale": None, "output_zero_point": None, "outputs": [str(folder / "answers.npy")],
    }  # fmt: skip


def run_all(run, folder, artifact_format, contents):
    """The errors of each of these files as a model, "hung" where it takes longer than ANSWER_S; two
    at a time, since each is a process."""
    paths = [folder / f"{number}.{artifact_format}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    plan = {"warmup_runs": 1, "warmup_s": 0.0, "min_samples": 1, "precision": 0.0,
            "time_limit_s": 1.0, "turn_s": 0.001}  # fmt: skip

    def error_of(path):
        try:
            return run(job_of(path, artifact_format, plan=plan), ANSWER_S)
        except subprocess.TimeoutExpired:
            return {"kind": "hung"}

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(error_of, paths))


@pytest.mark.parametrize("artifact_format", MODELS)
def test_a_good_model_runs(run, tmp_path, artifact_format):
    assert run_all(run, tmp_path, artifact_format, [MODELS[artifact_format]()]) == [None]


@pytest.mark.parametrize("artifact_format", MODELS)
@pytest.mark.parametrize("content", [b"", b"\0", b"not a model\n" * 1000, b"\xff" * 100_000])
def test_what_is_no_model_is_reported(run, tmp_path, artifact_format, content):
    (error,) = run_all(run, tmp_path, artifact_format, [content])
    assert error["kind"] == "bad_model"


@pytest.mark.parametrize("artifact_format", MODELS)
def test_a_model_in_the_other_format_is_reported(run, tmp_path, artifact_format):
    (other,) = MODELS.keys() - {artifact_format}
    (error,) = run_all(run, tmp_path, artifact_format, [MODELS[other]()])
    assert error["kind"] == "bad_model"


@pytest.mark.slow
@pytest.mark.parametrize("artifact_format", MODELS)
def test_a_truncated_model_ends_in_an_error(run, tmp_path, artifact_format):
    content = MODELS[artifact_format]()
    lengths = np.linspace(0, len(content) - 1, 20, dtype=int)
    errors = run_all(run, tmp_path, artifact_format, [content[:length] for length in lengths])
    assert all(errors[:-2]) and {"kind": "hung"} not in errors  # the last bytes may be padding


@pytest.mark.parametrize(
    "files", [pytest.param(15, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.fuzz)]
)
@pytest.mark.parametrize("artifact_format", MODELS)
def test_models_with_flipped_bytes_end_in_an_answer(run, tmp_path, artifact_format, files):
    random, broken = np.random.default_rng(5), []
    for _ in range(files):
        content = bytearray(MODELS[artifact_format]())
        for at in random.integers(len(content), size=random.integers(1, 4)):
            content[at] ^= 1 << random.integers(8)
        broken.append(bytes(content))
    kinds = [error["kind"] for error in run_all(run, tmp_path, artifact_format, broken) if error]
    assert kinds
    # A runtime may hang in a model, which ends as every job that takes too long does.
    assert kinds.count("hung") <= max(files // 20, 2), kinds


PIXELS = np.zeros((2, tiny_models.SIDE, tiny_models.SIDE, 3), np.uint8)


@pytest.mark.parametrize("artifact_format", MODELS)
@pytest.mark.parametrize(
    "pixels",
    [PIXELS[:, 1:], PIXELS[..., :1], PIXELS[0], PIXELS.astype(complex), PIXELS[:, :, :, None]],
    ids=["lower", "of one channel", "a single one", "complex", "of five dimensions"],
)
def test_images_of_another_size_or_kind_are_reported(run, tmp_path, artifact_format, pixels):
    path = tmp_path / "model"
    path.write_bytes(MODELS[artifact_format]())
    error = run(job_of(path, artifact_format, images=images_of(tmp_path, pixels)))
    assert error["kind"] == "bad_input"
    assert not (tmp_path / "answers.npy").exists()


def npy(tmp_path, header=None):
    """The bytes of PIXELS as .npy, with another header of the same length."""
    np.save(tmp_path / "good.npy", PIXELS)
    content = (tmp_path / "good.npy").read_bytes()
    if header is None:
        return content
    return content[:10] + header.ljust(117).encode() + b"\n" + content[128:]


HEADERS = {
    "no dictionary": "hello",
    "an endless one": "{" * 117,
    "a negative size": "{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 8, 8, 3), }",
    "a size that overflows": "{'descr': '|u1', 'fortran_order': False, "
    "'shape': (4294967296, 4294967296, 8, 3), }",
    "more than there is": "{'descr': '|u1', 'fortran_order': False, 'shape': (9, 8, 8, 3), }",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (2, 8, 8, 3), }",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_of_images_with_a_broken_header_is_reported(run, tmp_path, name):
    path = tmp_path / "model"
    path.write_bytes(tiny_models.tflite())
    images = images_of(tmp_path, npy(tmp_path, HEADERS[name]))
    assert run(job_of(path, "tflite", images=images))["kind"] == "bad_input"


@pytest.mark.slow
def test_a_file_of_images_that_ends_anywhere_is_reported(run, tmp_path):
    path, content = tmp_path / "model", npy(tmp_path)
    path.write_bytes(tiny_models.tflite())
    for length in itertools.chain(range(0, 140, 7), [len(content) - 1]):
        error = run(job_of(path, "tflite", images=images_of(tmp_path, content[:length])))
        assert error["kind"] == "bad_input", length


@pytest.mark.slow
def test_a_line_of_a_gigabyte_is_refused_without_being_kept(release_runner):
    # Who keeps it runs out of memory, which is another error.
    words = ["/bin/sh", "-c", 'ulimit -v 409600 && exec "$0"', release_runner]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    part = b'{"version": 3, "artifact": "' + b"a" * (1 << 20)
    try:
        for _ in range(1024):
            process.stdin.write(part)
        process.stdin.close()
    except BrokenPipeError:  # it need not read to the end
        pass
    answer = process.stdout.read()
    assert process.wait() == 2 and json.loads(answer)["error"]["kind"] == "bad_job"


def test_a_job_of_a_gigabyte_in_a_file_is_refused(native_runner, tmp_path):
    with (tmp_path / "job.json").open("wb") as file:
        file.truncate(1 << 30)
    done = subprocess.run([native_runner, tmp_path / "job.json"], capture_output=True, timeout=120)
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["kind"] == "bad_job"


@pytest.mark.parametrize("text", [b"", b"\n", b"\0\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n"])
def test_a_line_that_is_no_job_is_refused(run, text):
    assert run(text)["kind"] == "bad_job"
