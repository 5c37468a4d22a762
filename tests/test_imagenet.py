"""Real ImageNet weights and photographs, where they are."""

import shutil

import pytest
from commands import ROOT
from in_process import call

from export.artifact import Manifest

MATERIAL = ROOT.parent / "shared" / "imagenet"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not MATERIAL.is_dir(), reason="needs ../shared/imagenet (weights and photographs)"
    ),
]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    work = tmp_path_factory.mktemp("imagenet")
    shutil.copy(MATERIAL / "classes.txt", work)
    for i, folder in enumerate(sorted((MATERIAL / "val").iterdir())[:96]):
        into = work / ("calib" if i % 6 == 0 else "val")
        into.mkdir(exist_ok=True)
        (into / folder.name).symlink_to(folder)
    done = call(
        "export", "--arch", "v1", "--weights", MATERIAL / "mobilenet_v1_1.0_224.weights.h5",
        "--data", "val", "--calib", "calib", "--n-eval", "80", "--methods",
        "min-max,bias-correction,equalization,channel-splitting,error-feedback", cwd=work,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Manifest.read(work / "artifacts" / "v1-1-224-mobilenet_v1_1.0_224")


def test_float_files_give_keras_answer_on_every_photograph(manifest):
    assert manifest.evaluation["images"] == 80
    for artifact in manifest.artifacts:
        if artifact.scheme == "float32":
            assert artifact.fidelity.top1_agreement == 1.0
            assert artifact.fidelity.max_relative_error < 1e-4


def test_the_methods_take_back_what_min_max_ranges_lose(manifest):
    """16 photographs to calibrate; with 100 it is some 31 dB."""
    found = {tried["method"]: tried["sqnr_db"] for tried in manifest.int8["methods"]}
    assert found["min-max"] < 20
    assert found["bias-correction"] > 23
    assert found["error-feedback"] > 27


def test_int8_files_of_both_formats_predict_as_float(manifest):
    for artifact in manifest.artifacts:
        if artifact.scheme == "int8":
            assert artifact.fidelity.sqnr_db > 27
            assert artifact.fidelity.top1_agreement > 0.95
            assert artifact.bytes < 5_000_000
