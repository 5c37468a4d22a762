"""The division of a file by the CPU delegate, and what the user is told of it."""

import json
from dataclasses import replace

import pytest
from tiny_models import write_export

from export.artifact import Manifest
from export.summary import partition_notes
from quantize.graph.delegate import Partitions, partitions
from quantize.graph.graph import Graph
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import float16, int8


@pytest.fixture(scope="module")
def int8_with_hard_swish(v3_graph, calibration_images):
    statistics = calibrate(v3_graph, (i[None] for i in calibration_images[:8]), threads=1)
    return int8.quantize(v3_graph, choose_ranges(v3_graph, statistics))


def test_a_float_network_is_one_piece(v3_graph):
    assert partitions(v3_graph) == Partitions(1, {})
    assert partitions(v3_graph).is_whole
    assert not Partitions(2, {}).is_whole and not Partitions(1, {"SOFTMAX": 1}).is_whole


def test_weights_that_are_widened_on_loading_do_not_divide_a_file(v3_graph):
    assert partitions(float16.quantize(v3_graph)).is_whole


def test_every_int8_h_swish_is_outside_and_divides_the_file(v3_graph, int8_with_hard_swish):
    found = partitions(int8_with_hard_swish)
    swishes = v3_graph.op_histogram["HARD_SWISH"]
    assert found.outside == {"HARD_SWISH": swishes, "SOFTMAX": 1}
    assert found.count == swishes + 1


def test_the_summary_names_what_is_outside(tmp_path):
    manifest = write_export(tmp_path)
    known = {
        "float32.tflite": Partitions(1, {}),
        "int8.tflite": Partitions(3, {"HARD_SWISH": 2, "SOFTMAX": 1}),
        "float32.onnx": None,
        "int8.onnx": Partitions(0, dict(zip("ABCDEF", range(9, 3, -1), strict=True))),
    }
    artifacts = tuple(replace(a, partitions=known[a.name]) for a in manifest.artifacts)
    assert partition_notes(replace(manifest, artifacts=artifacts)) == [
        "note: int8.tflite in LiteRT's XNNPACK: 3 pieces; outside: 2 HARD_SWISH, 1 SOFTMAX",
        "note: int8.onnx in LiteRT's XNNPACK: nothing; outside: 9 A, 8 B, 7 C, 6 D and 2 kinds "
        "more",
    ]


def test_partitions_come_back_out_of_the_manifest(tmp_path):
    manifest, folder = write_export(tmp_path), tmp_path / "tiny"
    taken = Partitions(2, {"SOFTMAX": 1})
    artifacts = (replace(manifest.artifacts[0], partitions=taken), *manifest.artifacts[1:])
    (folder / "manifest.json").write_text(replace(manifest, artifacts=artifacts).to_json())
    assert [a.partitions for a in Manifest.read(folder).artifacts] == [taken, None, None, None]


def test_a_manifest_from_before_partitions_is_still_read(tmp_path):
    folder = tmp_path / "tiny"
    raw = json.loads(write_export(tmp_path).to_json())
    raw["version"] = 1
    for artifact in raw["artifacts"]:
        del artifact["partitions"]
    (folder / "manifest.json").write_text(json.dumps(raw))
    assert {a.partitions for a in Manifest.read(folder).artifacts} == {None}


def test_the_tiny_file_of_the_tests_is_taken_whole():
    from tiny_models import tflite

    assert partitions(Graph(tflite())).count == 1
