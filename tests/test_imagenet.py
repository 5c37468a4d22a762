"""Real ImageNet weights and photographs, where they are."""

import shutil

import numpy as np
import pytest
from commands import ROOT
from in_process import call
from PIL import Image

from export.artifact import Manifest
from models.command_line.options import Options
from models.source import resolve
from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph.network_graph import network_graph
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.methods.search import search

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
        "min-max,bias-correction,error-feedback", cwd=work,
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


def photographs(preprocess, first, count):
    """Every seventh photograph from number ``first`` on, preprocessed, [count, 224, 224, 3]."""
    paths = sorted((MATERIAL / "val").glob("*/*.JPEG"))[first::7][:count]
    found = []
    for path in paths:
        with Image.open(path) as image:
            left, top = (image.width - 224) // 2, (image.height - 224) // 2
            found.append(np.asarray(image.convert("RGB").crop((left, top, left + 224, top + 224))))
    return np.stack(found).astype(np.float32) * preprocess.scale + preprocess.offset


@pytest.mark.parametrize(
    ("name", "scaling", "methods", "least_db", "gain_db"),
    [
        (
            "mobilenet_v3_small_0.75_groups",
            {},
            "min-max,bias-correction,equalization,fisher-ranges",
            33,
            9,
        ),
        (
            "efficientnet_lite0",
            {"scale": 0.0078125, "offset": -0.9921875},
            "min-max,bias-correction,fisher-ranges,error-feedback",
            28.5,
            4,
        ),
    ],
)
def test_networks_that_nobody_tuned_for_keep_their_answers(
    name, scaling, methods, least_db, gain_db
):
    """Judged on photographs that neither were calibrated on nor chose the methods."""
    network = resolve(Options(model=str(MATERIAL / f"{name}.keras"), **scaling)).load()
    graph = network_graph(network)
    calibration, chosen_by, judged_on = (
        photographs(network.preprocess, first, 48) for first in (0, 1, 2)
    )
    plan = Plan.parse(methods, 60.0)
    found = search(graph, Calibration(calibration, 2), chosen_by, network.output_kind, plan)
    assert found.failures == ()
    first = search(
        graph, Calibration(calibration, 2), chosen_by, network.output_kind, Plan(("min-max",), None)
    )
    wanted = outputs(graph, judged_on, 2)
    least, reached = (
        compare(wanted, outputs(made.int8_graph, judged_on, 2), network.output_kind).sqnr_db
        for made in (first, found)
    )
    assert reached > least_db and reached > least + gain_db
