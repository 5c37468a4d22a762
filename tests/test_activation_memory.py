"""The memory of activations: by hand, computed, and as LiteRT lays them out."""

import float_graphs
import numpy as np
import pytest

from bench.cost.activation_memory import Alive, arena_bytes, lifetimes, peak_activation
from bench.studies import split_speed
from bench.studies.split_speed import GROUPS
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.networks.spec import ModelSpec
from quantize.graph.graph import Graph
from quantize.passes import bottleneck_split
from quantize.ranges.value_range import Range
from quantize.schemes import int8


@pytest.fixture(scope="module")
def residual():
    """8x8 places: 4 channels in, 16, 4, and the sum of the last and the input."""
    import keras
    from keras import layers

    from models.keras_files import float_graph

    keras.utils.clear_session(free_memory=False)
    image = keras.Input((8, 8, 4), name="image")
    wide = layers.Conv2D(16, 1, activation="relu", name="wide")(image)
    narrow = layers.Conv2D(4, 1, name="narrow")(wide)
    model = keras.Model(image, layers.Add(name="sum")([image, narrow]))
    return Graph(float_graph.convert(model, 8, 8, 4)).named("image", "sum")


def quantized(graph):
    """int8 with ranges of no meaning: sizes do not depend on them."""
    return int8.quantize(graph, dict.fromkeys(graph.activations, Range(-1.0, 1.0)))


def test_the_peak_holds_what_is_read_written_and_read_later(residual):
    peak = peak_activation(residual)
    wide, narrow = (outputs[0] for _, _, outputs in list(residual.operators())[:2])
    assert (peak.operator, peak.kind, peak.output) == (1, "CONV_2D", narrow)
    assert peak.alive[0] == Alive(wide, 8 * 8 * 16 * 4)
    assert {tensor.name: tensor.bytes for tensor in peak.alive[1:]} == {
        "image": 8 * 8 * 4 * 4,  # the sum still reads it
        narrow: 8 * 8 * 4 * 4,
    }
    assert peak.bytes == 8 * 8 * (16 + 4 + 4) * 4


def test_an_input_is_alive_from_the_start_and_an_output_to_the_end(residual):
    found = lifetimes(residual)
    assert found["image"] == (0, 2) and found["sum"] == (2, 2)
    wide, narrow = (outputs[0] for _, _, outputs in list(residual.operators())[:2])
    assert found[wide] == (0, 1) and found[narrow] == (1, 2)


def test_an_output_that_is_made_early_is_kept(residual):
    from quantize.graph.graph_editor import GraphEditor

    editor = GraphEditor(residual)
    wide = editor.operators[0].outputs[0]
    editor.subgraph.outputs = np.asarray([*editor.subgraph.outputs, wide], np.int32)
    editor.model.signatureDefs = []
    assert lifetimes(editor.graph())[editor.name(int(wide))] == (0, 2)


def test_int8_takes_a_quarter(residual):
    assert peak_activation(quantized(residual)).bytes * 4 == peak_activation(residual).bytes


def test_the_arena_holds_the_peak_and_little_more(residual):
    """LiteRT adds patches and alignment; without any reuse all four tensors would lie side by
    side."""
    for graph in (residual, quantized(residual)):
        peak, arena = peak_activation(graph).bytes, arena_bytes(graph)
        assert peak <= arena < peak * 1.05


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_six_groups_take_at_least_40_per_cent_off_v2():
    graph = float_graphs.of_random_weights(ModelSpec("v2"))
    split = bottleneck_split.split(graph, 6).graph
    for whole, parts in ((graph, split), (quantized(graph), quantized(split))):
        assert peak_activation(parts).bytes <= 0.6 * peak_activation(whole).bytes
        assert arena_bytes(parts) <= 0.6 * arena_bytes(whole)


def test_the_table_does_not_go_with_split():
    with pytest.raises(RequestError, match=r"SPLIT is 2.*leave it out"):
        list(split_speed.rows(Options(split=2)))


@pytest.mark.slow
def test_the_table_has_a_row_for_each_file_and_number_of_groups():
    rows = list(split_speed.rows(Options(n_calib=8, n_eval=8, methods="min-max"), rounds=1))
    assert [(r.scheme, r.groups) for r in rows] == [
        (scheme, groups) for scheme in ("float32", "int8") for groups in GROUPS
    ]
    assert all(r.latency_ratio == 1 for r in rows if r.groups == 1)
    assert all((r.sqnr_db is not None) == (r.scheme == "int8") for r in rows)
    shown = split_speed.text(rows).splitlines()
    assert len(shown) == 1 + len(rows) and "(+0%)" in shown[1]
