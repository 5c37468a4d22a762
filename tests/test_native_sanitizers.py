"""The runner that the native tests run is watched by sanitizers; the one that is used is not."""

import json
import subprocess


def test_the_runner_of_the_tests_has_both_sanitizers(native_runner):
    content = native_runner.read_bytes()
    assert b"__asan_init" in content and b"__ubsan_handle" in content


def test_the_release_does_a_job_without_them(release_runner, job):
    assert b"__asan_init" not in release_runner.read_bytes()
    done = subprocess.run(
        [release_runner, "--libraries", release_runner.parent],
        input=job.to_json(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    result = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and result["error"] is None and result["samples_ns"]
