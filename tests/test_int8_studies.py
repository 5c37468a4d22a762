"""The studies of int8: what methods do to images that nobody chose by, and our int8 beside others'.

On a network of a few bytes, with quick searches and tools that need no environment of their own.
"""

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_models
from in_process import call

from bench.studies import (
    held_out,
    int8_comparison,
    int8_methods,
    int8_tools,
    measured_int8,
    nncf_process,
    random_networks,
    tool_environment,
)
from bench.studies.held_out import Acceptance, Images
from bench.studies.int8_comparison import cells, markdown, rows
from bench.studies.int8_material import Material
from bench.studies.int8_methods import Study, lowered
from bench.studies.int8_tools import TOOLS
from bench.studies.measured_int8 import INEXACT, LITERT, ONNX_RUNTIME, OPENVINO, Int8
from bench.studies.sum_ratio import SumRatio
from models.command_line.errors import DeviceError, RequestError
from models.command_line.options import Options
from models.command_line.progress import quiet
from models.networks.spec import MIN_RESOLUTION, Preprocess
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.methods.search import MethodResult, SearchResult, search
from quantize.runtime.model_session import EXACT_PRODUCTS, OnnxSession

ERRORS = np.random.default_rng(0).exponential(1, 400)


def test_the_ratio_of_sums_is_paired_by_image():
    """A factor that changes every image alike is no noise at all."""
    found = SumRatio.of(ERRORS * 2, ERRORS)
    assert (found.db, found.low_db, found.high_db) == pytest.approx((3.0103,) * 3, abs=1e-4)
    assert SumRatio.of(ERRORS, ERRORS * 1.01).is_below_1
    other = np.random.default_rng(1).permutation(ERRORS)
    between = SumRatio.of(ERRORS * 0.99, other)
    assert between.low_db < between.db < 0 < between.high_db
    assert not between.is_below_1


def test_the_ratio_of_sums_has_an_interval_that_holds_the_truth_nineteen_times_in_twenty():
    rng = np.random.default_rng(2)
    drawn = [SumRatio.of(*rng.exponential(1, (2, 100))) for _ in range(200)]
    held = sum(one.low_db <= 0 <= one.high_db for one in drawn)
    assert 180 <= held <= 199


def test_a_random_network_is_the_same_whatever_else_is_drawn():
    drawn = [random_networks.draw(number, seed=3) for number in range(22)]
    assert drawn[7] == random_networks.draw(7, seed=3)
    assert drawn[7] != random_networks.draw(7, seed=4)
    assert len({network.name for network in drawn}) == 22
    for turn in (drawn[:11], drawn[11:]):
        assert {n.spec.arch for n in turn} == {*random_networks.ARCHITECTURES}
    for network in drawn:
        assert MIN_RESOLUTION <= network.spec.resolution <= random_networks.LARGEST_RESOLUTION


def test_a_network_is_trained_once_and_not_kept_by_halves(tmp_path, monkeypatch):
    network, saved = random_networks.draw(0, seed=0), []

    def save_weights(path):
        saved.append(path)
        path.write_bytes(b"half")
        if len(saved) == 1:
            raise OSError("the disk is full")
        path.write_bytes(b"whole")

    trained = SimpleNamespace(save_weights=save_weights)
    monkeypatch.setattr(random_networks, "_trained", lambda *_: trained)
    folder = tmp_path / "cache"
    with pytest.raises(OSError):
        random_networks.weights(network, 20, folder, quiet)
    for _ in range(2):
        path = random_networks.weights(network, 20, folder, quiet)
        assert path.read_bytes() == b"whole"
    assert len(saved) == 2
    assert random_networks.weights(network, 40, folder, quiet) != path


@pytest.fixture(scope="module")
def quick_search(v1_graph, calibration_images, evaluation_images):
    """The methods that the search tells of, as it accepts them, and its result."""
    told = []
    plan = Plan(("min-max", "bias-correction", "equalization"), None)
    found = search(
        v1_graph, Calibration(calibration_images[:32], 2), evaluation_images[:40], "softmax", plan,
        on_accepted=lambda method, stage: told.append((method, stage)),
    )  # fmt: skip
    return told, found


def test_the_search_tells_each_accepted_stage(quick_search):
    told, found = quick_search
    accepted = [tried.method for tried in found.tried if tried.accepted]
    assert len(accepted) > 1
    assert [method for method, _ in told] == accepted
    assert told[-1][1] is found.stage
    assert told[0][1].int8_graph.content != told[1][1].int8_graph.content


def test_acceptances_are_judged_on_images_that_did_not_choose(
    quick_search, v1_graph, calibration_images, evaluation_images, monkeypatch
):
    told, result = quick_search
    searched_with = []

    def told_again(graph, calibration, choosing, kind, plan, on_accepted):
        searched_with.append((choosing, plan))
        for method, stage in told:
            on_accepted(method, stage)
        return result

    monkeypatch.setattr(held_out, "network_graph", lambda network: v1_graph)
    monkeypatch.setattr(held_out, "search", told_again)
    choosing, judging = evaluation_images[:40], evaluation_images[40:]
    images = Images(calibration_images[:32], choosing, judging, np.zeros(60, np.int64))
    found = held_out.search_judged(SimpleNamespace(output_kind="softmax"), images, 2, quiet)
    ((seen, plan),) = searched_with
    assert seen is choosing
    assert plan.min_sqnr_db is None and plan.methods == Plan.parse("auto", 30).methods
    assert [one.method for one in found.acceptances] == [method for method, _ in told[1:]]
    first = found.acceptances[0]
    wanted, *forms = (
        outputs(graph, judging, 2)
        for graph in (v1_graph, *(stage.int8_graph for _, stage in told[:2]))
    )
    before, after = (float(((form - wanted) ** 2).sum()) for form in forms)
    assert first.noise.db == pytest.approx(10 * np.log10(before / after), abs=1e-3)
    assert np.sign(first.divergence.db) == np.sign(first.noise.db)
    chosen = [tried.sqnr_db for tried in result.tried if tried.accepted]
    assert first.chosen_db == pytest.approx(chosen[1] - chosen[0])
    assert found.top1 == np.mean(wanted.argmax(axis=1) == 0)


def acceptance(divergence, noise):
    return Acceptance("x", SumRatio.of(ERRORS * divergence, ERRORS), noise, 1.0)


def test_claims_count_what_lost_and_what_lost_beyond_noise():
    within = SumRatio.of(ERRORS * 0.99, np.random.default_rng(1).permutation(ERRORS))
    found = [acceptance(2, within), acceptance(0.5, within), *[acceptance(2, within)] * 38]
    claims = lowered(found)
    assert [(claim.count, claim.of) for claim in claims] == [(1, 40), (1, 40), (40, 40), (0, 40)]
    assert [claim.holds for claim in claims] == [True, True, False, True]
    assert lowered([]) == []


def test_a_method_that_lost_is_named_worse():
    within = SumRatio.of(ERRORS * 0.99, np.random.default_rng(1).permutation(ERRORS))
    found = held_out.Found(
        0.8, (acceptance(0.5, within), acceptance(2, within)), ("a",), ("b",), ("c: no",)
    )
    lines = int8_methods.text(random_networks.draw(0, 0), found).splitlines()
    assert "float top-1 80.0%" in lines[0]
    assert "WORSE" in lines[1] and lines[1].endswith("worse")
    assert "WORSE" not in lines[2] and lines[2].endswith("worse")
    assert lines[3:] == ["  dropped: a", "  do not apply: b", "  failed: c: no"]


def test_numbers_that_cannot_be_are_refused():
    for wrong in ({"networks": 0}, {"steps": 1}, {"n_held_out": 50}, {"n_calib": 1}):
        with pytest.raises(RequestError):
            Study(**wrong)


@pytest.mark.slow
def test_the_study_of_methods_trains_searches_and_judges(tmp_path, monkeypatch):
    from models.networks import demo
    from models.training import fashion_mnist

    with np.load(demo.FOLDER / "images.npz") as arrays:
        few = arrays["calib_images"], arrays["calib_labels"]
    monkeypatch.setattr(fashion_mnist, "load", lambda split: few)
    monkeypatch.setattr(random_networks, "ARCHITECTURES", ("v3-small-minimalistic",))
    words = ["--networks", "1", "--steps", "20", "--n-calib", "32", "--n-choose", "32"]
    words += ["--n-held-out", "100", "--cache", "cache"]
    done = call("bench.studies.int8_methods", *words, "--train-only", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(list(tmp_path.glob("cache/v3-small-minimalistic-*-20-steps.weights.h5"))) == 1

    def train_again(*_):
        raise AssertionError("it is trained already")

    monkeypatch.setattr(random_networks, "_trained", train_again)
    done = call("bench.studies.int8_methods", *words, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr  # after 20 steps anything is possible
    lines = done.stdout.splitlines()
    assert lines[0].startswith("  accepted method")
    assert lines[1].startswith("v3-small-minimalistic alpha") and "float top-1" in lines[1]
    methods = {line.split()[0] for line in lines if "[" in line and not line.startswith("acc")}
    assert methods <= {*Plan.parse("auto", 30).methods[1:]}


@pytest.fixture
def material(tmp_path, monkeypatch):
    """The tiny network, 96 images to calibrate, choose and judge with, and its exported files."""
    rng = np.random.default_rng(5)
    images = rng.uniform(-1, 1, (96, tiny_models.SIDE, tiny_models.SIDE, 3)).astype(np.float32)
    exported = tmp_path / "exported"
    manifest = tiny_models.write_export(exported)
    tried = [MethodResult(name, 30.0, 1.0, took_s) for name, took_s in (("a", 2.0), ("b", 3.0))]
    stage = SimpleNamespace(int8_graph=None, kept_float=frozenset())
    searched = SearchResult(stage, tried[0], tuple(tried), Plan(("a", "b"), 30.5), "none")
    manifest = replace(manifest, int8=searched.made().described)
    (exported / "tiny" / "manifest.json").write_text(manifest.to_json())
    inputs = SimpleNamespace(
        model_id="tiny",
        network=SimpleNamespace(output_kind="logits", preprocess=Preprocess()),
        graph=Graph(tiny_models.tflite()).named("image", "scores"),
        calibration=images[:32],
        evaluation=images[32:],
        learned=True,
    )
    monkeypatch.setattr(int8_comparison, "prepare", lambda *_: inputs)
    monkeypatch.setattr(Material, "exported", exported / "tiny")
    return inputs


def compared(tools, tmp_path, **options):
    return list(rows(Options(**options), tmp_path / "environments", tools, rounds=1))


def test_the_images_that_judge_are_no_tools_to_see(material, tmp_path):
    seen = []

    def look(given):
        seen.append(given)
        return iter(())

    assert compared({"look": look}, tmp_path) == []
    (given,) = seen
    sets = [given.inputs.calibration, given.choosing, given.judging]
    assert [len(images) for images in sets] == [32, 32, 32]
    assert len(np.unique(np.concatenate(sets).reshape(96, -1), axis=0)) == 96
    pixels = given._pixels(given.choosing)
    again = pixels.astype(np.float32) * np.float32(Preprocess().scale) - 1
    np.testing.assert_allclose(again, given.choosing, atol=1e-6)
    whole = np.arange(192, dtype=np.float32).reshape(1, 8, 8, 3)
    assert given._pixels(whole / 127.5 - 1).dtype == np.uint8
    np.testing.assert_array_equal(given._pixels(whole / 127.5 - 1), whole)


def test_a_row_has_the_noise_and_the_agreement_beside_the_float_network(material, tmp_path):
    def noisy(given):
        wanted = outputs(material.graph, given.judging, 1)
        yield Int8(OPENVINO, 4.0, wanted, 0.5)
        yield Int8(OPENVINO, 4.0, wanted * 1.1, 0.5)
        yield Int8(OPENVINO, 4.0, -wanted, 0.5)

    same, louder, opposite = compared({"noisy": noisy}, tmp_path)
    assert cells(same)[2:] == ["OpenVINO", "exact", "", "100.0%", "89.3% to 100.0%", "4", "0.50"]
    assert cells(louder)[3:5] == ["20.0", "20.0 to 20.0"]
    assert louder.agreement == 1
    assert opposite.agreement < 0.4 and opposite.sqnr.db == pytest.approx(-6.02, abs=0.01)


def test_a_tool_that_fails_has_a_row_that_says_so(material, tmp_path):
    def broken(given):
        raise DeviceError("nncf cannot be installed: no network")

    def works(given):
        yield Int8(LITERT, 1.0, outputs(material.graph, given.judging, 1), 1.0)

    found = compared({"broken": broken, "works": works}, tmp_path)
    assert cells(found[0]) == ["tiny", "broken", "nncf cannot be installed: no network"]
    lines = markdown(found).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "exact" in lines[-1]


def test_random_weights_and_too_few_images_are_refused(material, tmp_path):
    material.learned = False
    with pytest.raises(RequestError, match="random weights"):
        compared({}, tmp_path)
    material.learned, material.evaluation = True, material.evaluation[:1]
    with pytest.raises(RequestError, match="expected at least 2"):
        compared({}, tmp_path)


def test_ours_are_the_exported_files_in_both_runtimes(material, tmp_path):
    found = compared({"ours": int8_tools.ours}, tmp_path)
    assert [(row.runtime, row.failure) for row in found] == [(LITERT, ""), (ONNX_RUNTIME, "")]
    for row in found:
        assert row.seconds == 5.0
        assert row.sqnr.db > 20 and row.agreement > 0.8
    assert found[0].sqnr.db == pytest.approx(found[1].sqnr.db, abs=0.5)


def test_the_usual_quantizers_read_the_float_files(material, tmp_path):
    """litert-quantizer's own ranges cut off what only some images reach, of sums most of all."""
    tools = {name: TOOLS[name] for name in ("litert-quantizer", "ONNX Runtime's quantizer")}
    found = compared(tools, tmp_path)
    assert [(row.runtime, row.failure) for row in found] == [(LITERT, ""), (ONNX_RUNTIME, "")]
    assert found[0].sqnr.db > 3 and found[1].sqnr.db > 20


def test_a_file_that_exact_products_break_runs_without_them(material, tmp_path, monkeypatch):
    class Refusing(OnnxSession):
        refused = False

        def load(self, model):
            if not self.refused:
                self.refused = True
                raise ValueError("attempt to replace the existing tensor")
            assert self.options.get_session_config_entry(EXACT_PRODUCTS[0]) == "0"
            super().load(model)

    quantized = {"ONNX Runtime's quantizer": TOOLS["ONNX Runtime's quantizer"]}
    (exact,) = compared(quantized, tmp_path)
    monkeypatch.setattr(measured_int8, "new_session", lambda *_: Refusing(1))
    (found,) = compared(quantized, tmp_path)
    assert (exact.runtime, found.runtime) == (ONNX_RUNTIME, INEXACT)
    assert found.failure == "" and found.sqnr.db > 20


def test_nncf_gets_our_float_file_and_runs_in_both_runtimes(material, tmp_path, monkeypatch):
    jobs = []

    def run(command, who):
        job = json.loads(Path(command[-1]).read_text())
        assert command[:3] == ["its python", "-I", nncf_process.__file__]
        jobs.append(job)
        content = Path(job["float32"]).read_bytes()
        assert content == (Material.exported / "float32.onnx").read_bytes()
        np.testing.assert_array_equal(np.load(job["calibration"]), material.calibration)
        Path(job["int8"]).write_bytes(content)
        judging = np.load(job["judging"])
        np.save(job["outputs"], outputs(material.graph, judging, 1))
        Path(job["result"]).write_text(json.dumps({"seconds": 7.0, "latency_ratio": 0.25}))

    monkeypatch.setattr(int8_tools, "tool_python", lambda *_: "its python")
    monkeypatch.setattr(int8_tools, "run_to_end", run)
    found = compared({n: t for n, t in TOOLS.items() if n.startswith("NNCF")}, tmp_path)
    assert [row.failure for row in found] == [""] * 6
    assert [row.runtime for row in found] == [OPENVINO, ONNX_RUNTIME] * 3
    assert found[0].latency_ratio == 0.25 and found[1].latency_ratio != 0.25
    assert {row.seconds for row in found} == {7.0}
    asked = [(job["ranges"], job["overflow_fix"]) for job in jobs]
    assert asked == [("mean", False), ("min-max", False), ("min-max", True)]


def test_the_program_of_another_environment_imports_nothing_of_ours():
    imported = set()
    for node in ast.walk(ast.parse(Path(nncf_process.__file__).read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported - {*sys.stdlib_module_names} == {"nncf", "numpy", "onnx", "openvino"}


def test_latencies_are_taken_in_turns(monkeypatch):
    clock, order = [0.0], []

    def runs(name, seconds):
        def run():
            order.append(name)
            clock[0] += seconds

        return run

    monkeypatch.setattr(nncf_process.time, "perf_counter", lambda: clock[0])
    ratio = nncf_process.ratio_in_turns(runs("float32", 2.0), runs("int8", 1.0), rounds=3)
    assert ratio == 0.5
    turn = ["float32"] * nncf_process.RUNS_A_ROUND + ["int8"] * nncf_process.RUNS_A_ROUND
    assert order == ["float32", "int8", *turn * 3]


def test_an_environment_is_made_once_and_anew_for_other_packages(tmp_path, monkeypatch):
    installed, code = [], [1]

    def pip(command, **_):
        installed.append(command[-1])
        errors = "WARNING: old\nERROR: no such package\n"
        return subprocess.CompletedProcess(command, code[0], "", errors)

    monkeypatch.setattr(tool_environment.venv, "create", lambda folder, **_: folder.mkdir())
    monkeypatch.setattr(tool_environment.subprocess, "run", pip)
    folder = tmp_path / "nncf"
    with pytest.raises(DeviceError, match="nncf cannot be installed: no such package"):
        tool_environment.tool_python(folder, ["nncf"], quiet)
    code[0] = 0
    for packages in (["nncf"], ["nncf"], ["openvino"], ["openvino"]):
        python = tool_environment.tool_python(folder, packages, quiet)
    assert installed == ["nncf", "nncf", "openvino"]
    assert python.is_relative_to(folder)


@pytest.mark.slow
def test_the_export_of_the_study_chooses_by_the_half_that_does_not_judge(tmp_path):
    """The real export, on the demo network."""
    seen = []

    def ours(material):
        seen.append(material)
        with np.load(material.exported.parents[1] / "data.npz") as choosing:
            np.testing.assert_array_equal(choosing["x"], material._pixels(material.choosing))
        return int8_tools.ours(material)

    asked = {"arch": "v1", "n_calib": 32, "n_eval": 64, "methods": "min-max,bias-correction"}
    found = compared({"ours": ours}, tmp_path, **asked)
    assert [row.failure for row in found] == ["", ""]
    for row in found:
        assert row.sqnr.db > 20 and row.agreement > 0.9 and row.seconds > 0
