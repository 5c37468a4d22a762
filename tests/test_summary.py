"""``make summary``: the table, its JSON, the picture, and what it refuses."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from commands import SMALL
from one_operator import one_operator
from tiny_models import tflite
from user_models import small

from bench.__main__ import main
from bench.cost import layer_table, picture
from bench.cost.count_macs import layer_costs
from bench.cost.layer_cost import KINDS
from bench.cost.layer_table import RULE
from bench.cost.network_cost import network_cost
from quantize.graph.graph import Graph
from quantize.passes.hard_swish import lower

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def work(tmp_path, monkeypatch, fresh_keras):
    """An empty folder to run the command in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def summary(work, capfd):
    """``summary(*arguments)``: exit code, standard output and the lines of standard error."""

    def run(*arguments):
        code = main(["summary", *arguments])
        out, err = capfd.readouterr()
        return code, out, [line for line in err.splitlines() if not line.startswith("summary:")]

    return run


def test_the_table_says_what_each_layer_and_the_network_cost(summary, work):
    code, out, errors = summary(*SMALL)
    assert (code, errors) == (0, [])
    lines = out.splitlines()
    assert lines[0].startswith("v2-0.1-64-random: ")
    assert "results/v2-0.1-64-random-summary.svg" in lines[0]
    # A layer, its kind, output, parameters, MACs, KB read and written, intensity, int8;
    # further down are other lines that begin with it.
    rows = {line.split()[0]: line.split() for line in reversed(lines[3:]) if line}
    assert rows["block_1_depthwise"][1:3] == ["depthwise", "16x16x48"]
    assert rows["block_1_depthwise"][4:7] == ["0.11", "198.5", "49.2"]
    assert rows["block_1_depthwise"][8] == "yes" and rows["probabilities"][-1] == "no"
    assert rows["MMACs:"] == ["MMACs:", "millions", "of", "MACs;", *RULE.split()]
    for text in ("no int8 kernel for SOFTMAX", "1x1 convolutions: ", "peak activation memory: "):
        assert text in out
    assert "with standard convolutions in place of the depthwise separable ones: " in out
    assert [path.name for path in (work / "results").iterdir()] == ["v2-0.1-64-random-summary.svg"]


def test_json_has_the_same_figures_for_a_program(summary):
    code, out, _ = summary(*SMALL, "--json")
    found = json.loads(out)
    assert code == 0
    layers = found["layers"]
    assert found["macs"] == sum(layer["macs"] for layer in layers) > 0
    assert found["parameters"] == sum(kind["parameters"] for kind in found["by_kind"].values())
    assert sum(kind["share_of_macs"] for kind in found["by_kind"].values()) == pytest.approx(1)
    assert found["bytes_read"] == sum(layer["bytes_read"] for layer in layers)
    assert found["bytes_read"] == 4 * sum(layer["int8_bytes_read"] for layer in layers)
    peak = found["peak_activation"]
    assert peak["bytes"] == 4 * found["int8_peak_activation_bytes"]
    assert peak["bytes"] == sum(tensor["bytes"] for tensor in peak["alive"])
    standard = found["standard_convolutions"]
    added = sum(pair["standard_macs"] - pair["macs"] for pair in standard["pairs"])
    assert standard["macs"] == found["macs"] + added
    assert found["counting_rule"] == RULE


def test_without_weights_they_are_random_in_the_papers_size_and_that_is_reported(summary):
    code, out, _ = summary("--arch", "v1", "--alpha", "0.1", "--res", "32")
    first = out.splitlines()[0]
    assert code == 0
    assert first.startswith("v1-0.1-32-random: ") and "random weights" in first
    assert "conv_preds" in out and "1x1x1000" in out


def test_a_split_network_needs_less_memory_for_the_same_macs(summary):
    _, out, _ = summary(*SMALL, "--json")
    code, split_out, _ = summary(*SMALL, "--split", "3", "--json")
    whole, split = json.loads(out), json.loads(split_out)
    assert code == 0
    assert split["model_id"] == "v2-0.1-64-random-split3"
    assert split["macs"] == whole["macs"]
    assert split["standard_convolutions"]["macs"] == whole["standard_convolutions"]["macs"]
    assert split["peak_activation"]["bytes"] < whole["peak_activation"]["bytes"]


def test_the_demo_checkpoint_has_its_own_size(summary):
    code, out, _ = summary("--arch", "v3-small", "--weights", "demo")
    first = out.splitlines()[0]
    assert code == 0
    assert first.startswith("v3-small-") and "-demo: " in first and "random" not in first
    assert "int8: files of make export have ADD and MUL, which are int8, in place of HARD_S" in out
    assert "no int8 kernel for HARD_SWISH, SOFTMAX: runs outside it" in out


def test_a_users_own_model_is_counted_likewise(summary, work):
    small(before=()).save(work / "my model.keras")
    code, out, errors = summary("--model", "my model.keras", "--json")
    found = json.loads(out)
    assert (code, errors) == (0, [])
    assert found["model_id"] == "my-model" and found["caveat"] is None
    first, second, pooling, dense = found["layers"][:4]
    assert first["output_shape"] == [1, 15, 15, 8]
    assert first["macs"] == 15 * 15 * 8 * 3 * 3 * 3 and first["parameters"] == 8 * 27 + 8
    assert second["kind"] == "depthwise convolution" and second["macs"] == 15 * 15 * 8 * 9
    assert pooling["kind"] == "pooling"
    assert dense["kind"] == "dense" and dense["macs"] == 8 * 4
    assert (work / found["picture"]).is_file()


def test_the_picture_has_a_row_for_each_layer_in_the_colour_of_its_kind(v3_graph):
    costs = layer_costs(v3_graph)
    drawn = picture.svg("<v3> & co", costs)
    root = ElementTree.fromstring(drawn)
    assert root.find(f"{SVG}text").text == "<v3> & co"
    rows = root.findall(f"{SVG}g")
    assert len(rows) == len(costs)
    longest = {}
    for row, cost in zip(rows, costs, strict=True):
        assert row.find(f"{SVG}title").text.startswith(f"{cost.name}: {cost.operator}")
        bars = row.findall(f"{SVG}rect")
        assert len(bars) == (2 if cost.macs else 1)
        assert {bar.get("fill") for bar in bars} == {picture.COLOUR_OF[cost.kind]}
        longest[cost.output] = max(float(bar.get("width")) for bar in bars)
    assert longest[max(costs, key=lambda cost: cost.macs).output] == picture.BARS
    assert float(root.get("height")) > picture.ROW * len(costs)
    assert "prefers-color-scheme:dark" in drawn


def test_every_kind_has_a_colour_of_its_own():
    assert set(picture.COLOUR_OF) == set(KINDS)
    assert len(set(picture.COLOUR_OF.values())) == len(KINDS)


def test_a_network_without_macs_or_pairs_has_a_cost_too():
    cost = network_cost(Graph(tflite()))
    assert cost.pairs == () and cost.standard_macs == cost.total.macs
    assert cost.share_of_macs("1x1 convolution") == 0


def test_what_is_not_counted_is_reported():
    turned = network_cost(one_operator("REVERSE_V2", [(1, 4), np.array([1], np.int32)], (1, 4)))
    assert turned.unknown_operators == ("REVERSE_V2",)
    assert "MMACs: those of REVERSE_V2, if any, are not counted" in layer_table.lines(turned)
    assert network_cost(Graph(tflite())).unknown_operators == ()


def test_int8_memory_is_of_the_form_that_int8_files_have(v3_graph):
    cost, lowered = network_cost(v3_graph), network_cost(lower(v3_graph))
    assert cost.int8_peak_bytes * 4 == lowered.peak.bytes >= cost.peak.bytes


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--arch", "v9"], ["ARCH is 'v9'", "v1 "]),
        (["--alpha", "0"], ["ALPHA is 0"]),
        (["--weights", "nowhere.h5"], ["WEIGHTS is 'nowhere.h5'"]),
        (["--model", "nowhere.keras"], ["MODEL is 'nowhere.keras'", "does not exist"]),
        (["--model", "there.keras", "--alpha", "1"], ["ALPHA does not go with MODEL"]),
        (["--split", "0"], ["SPLIT is 0"]),
        (["--layers", "3"], ["--layers", "--help"]),
    ],
)
def test_a_wrong_request_ends_in_one_line(summary, work, arguments, says):
    (work / "there.keras").touch()
    code, out, errors = summary(*arguments)
    assert (code, out, len(errors)) == (2, "", 1)
    assert errors[0].startswith("error: ") and all(part in errors[0] for part in says)
    assert not (work / "results").exists()


def test_a_picture_that_cannot_be_written_is_reported_before_any_result(summary, work):
    (work / "results").touch()
    code, out, errors = summary(*SMALL)
    assert (code, out, len(errors)) == (2, "", 1)
    assert "the picture cannot be written to results (" in errors[0]
    assert [path.name for path in work.iterdir()] == ["results"]
