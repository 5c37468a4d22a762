"""The roofline: predictions from made-up ceilings, and the probes that measure real ones."""

from dataclasses import replace

import numpy as np
import pytest
from bench_runs import QUICK

from bench.cost import layer_cost, probe, roofline_table
from bench.cost.count_macs import layer_costs
from bench.cost.layer_cost import LayerCost
from bench.cost.layer_time import OTHER, kind_times, layer_times, total
from bench.cost.measure import measure_roofline, middle
from bench.cost.probe_graph import Chain, graph
from bench.cost.roofline import COMPUTE, FLOAT32, INT8, MEMORY, Ceiling, Roofline
from bench.devices.host import Host
from bench.measurement.result import OpTime, Result, RunError, RunFailed, Turn
from quantize.graph.delegate import partitions

# 1 GB/s, 1 G float32 and 4 G int8 MACs/s; of depthwise convolutions half of that.
MADE_UP = Roofline(
    "made-up",
    2,
    1e9,
    {FLOAT32: Ceiling(1e9, 0.5e9, 0.25e9), INT8: Ceiling(4e9, 2e9, 0.1e9)},
)
CHAINS = [
    Chain("CONV_2D", 6, 8, 3), Chain("DEPTHWISE_CONV_2D", 6, 8, 2), Chain("ADD", 6, 8, 4)
]  # fmt: skip


def layer(kind, macs=0, read=0, written=0, name="layer"):
    return LayerCost(name, name, kind, "", (1,), 0, macs, read, written, True)


def environment():
    return Host().environment()


@pytest.mark.parametrize(
    ("cost", "precision", "expected"),
    [
        # 1000 MACs take 1000 ns; 200 values of 4 bytes 800 ns.
        (layer(layer_cost.POINTWISE, 1000, 100, 100), FLOAT32, (1000, COMPUTE)),
        (layer(layer_cost.POINTWISE, 1000, 100, 200), FLOAT32, (1200, MEMORY)),
        (layer(layer_cost.POINTWISE, 1000, 100, 200), INT8, (300, MEMORY)),
        (layer(layer_cost.POINTWISE, 2000, 100, 200), INT8, (500, COMPUTE)),
        # Depthwise kernels are half as fast, other convolutions are not.
        (layer(layer_cost.DEPTHWISE, 1000, 100, 100), FLOAT32, (2000, COMPUTE)),
        (layer(layer_cost.CONVOLUTION, 1000, 100, 100), FLOAT32, (1000, COMPUTE)),
        # 300 values of int8 are 300 ns of traffic and 3000 ns of requantizing.
        (layer(layer_cost.ELEMENTWISE, 0, 200, 100), INT8, (3000, COMPUTE)),
        (layer(layer_cost.ELEMENTWISE, 0, 200, 100), FLOAT32, (1200, MEMORY)),
        (layer(layer_cost.POOLING, 0, 200, 1), FLOAT32, (804, MEMORY)),
    ],
)
def test_a_layer_takes_its_arithmetic_or_its_traffic(cost, precision, expected):
    found = MADE_UP.predict(cost, precision)
    assert (pytest.approx(found.time_ns), found.bound) == expected


def test_the_ridge_is_where_arithmetic_and_traffic_take_as_long():
    assert (MADE_UP.ridge(FLOAT32), MADE_UP.ridge(INT8)) == (1.0, 4.0)
    assert MADE_UP.depthwise_ridge(FLOAT32) == 0.5
    for bytes_per_value, precision in ((4, FLOAT32), (1, INT8)):
        macs = int(100 * bytes_per_value * MADE_UP.ridge(precision))
        at = layer(layer_cost.POINTWISE, macs, 50, 50)
        assert MADE_UP.predict(at, precision).bound == MEMORY
        assert MADE_UP.predict(replace(at, macs=macs + 1), precision).bound == COMPUTE


@pytest.mark.parametrize("precision", [FLOAT32, INT8])
@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.operator)
def test_a_chain_is_what_it_says_and_litert_delegates_all_of_it(chain, precision):
    made = graph(chain, precision)
    assert made.op_histogram == {chain.operator: chain.length}
    assert sum(cost.macs for cost in layer_costs(made)) == chain.macs
    assert partitions(made).is_whole
    interpreter = made.interpreter(threads=1)
    (given,), (back,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert tuple(given["shape"]) == tuple(back["shape"]) == chain.shape
    assert given["dtype"] == back["dtype"] == np.dtype(precision)
    interpreter.set_tensor(given["index"], np.full(chain.shape, 100, given["dtype"]))
    interpreter.invoke()
    assert len(np.unique(interpreter.get_tensor(back["index"]))) > 1  # it computes with weights


def test_a_convolution_is_bound_by_arithmetic_and_an_addition_by_memory():
    float_costs, int8_costs = (layer_costs(graph(CHAINS[0], p)) for p in (FLOAT32, INT8))
    # What an int8 file moves is a quarter of what a float32 file does, its weights too.
    assert [c.values_read for c in int8_costs] == [c.values_read for c in float_costs]
    convolution, add = (
        layer_costs(graph(replace(chain, length=1), FLOAT32))[0]
        for chain in (probe.CONVOLUTION, probe.ADDS[FLOAT32])
    )
    assert convolution.intensity > 10 and add.macs == 0
    assert add.bytes_moved(4) == 3 * 4 * 112 * 112 * 32
    moved = {p: chain.values * (4 if p == FLOAT32 else 1) for p, chain in probe.ADDS.items()}
    assert moved[FLOAT32] == moved[INT8]


def test_a_roofline_is_what_probes_did_in_their_time():
    times_ns = {
        probe.CONVOLUTION.operator: 1_000_000,
        probe.DEPTHWISE.operator: 2_000_000,
        "ADD": 4_000_000,
    }
    results = {
        p: Result("litert", samples_ns=(times_ns[p.chain.operator],) * 9, turns=(Turn(0.0, 9),))
        for p in probe.PROBES
    }
    made = probe.roofline("d", 3, results, environment(), QUICK)
    values = 8 * 3 * 112 * 112 * 32
    assert (made.device, made.threads) == ("d", 3)
    assert made.bytes_per_s == pytest.approx(4 * values / 4e-3)
    of_float, of_int8 = made.ceilings[FLOAT32], made.ceilings[INT8]
    assert of_float.macs_per_s == pytest.approx(8 * 28 * 28 * 128 * 128 / 1e-3)
    assert of_float.depthwise_macs_per_s == pytest.approx(16 * 14 * 14 * 512 * 9 / 2e-3)
    assert of_float.elementwise_values_per_s == pytest.approx(values / 4e-3)
    assert of_int8.elementwise_values_per_s == pytest.approx(4 * values / 4e-3)
    assert made.ridge(FLOAT32) == pytest.approx(of_float.macs_per_s / made.bytes_per_s)


def test_a_probe_that_does_not_run_is_named():
    failed = Result("litert", error=RunError("crashed", "by a signal"))
    with pytest.raises(RunFailed, match="probe CONV_2D float32 on d: crashed: by a signal"):
        probe.roofline("d", 1, dict.fromkeys(probe.PROBES, failed), environment(), QUICK)


def test_the_probes_run_on_this_machine_and_leave_no_file():
    made = measure_roofline(Host(), environment(), 1, QUICK)
    for found in made.ceilings.values():
        assert min(found.macs_per_s, found.depthwise_macs_per_s, made.bytes_per_s) > 1e6
    with probe.written() as paths:
        assert all(path.is_file() for path in paths.values()) and len(paths) == 6
    assert not any(path.exists() for path in paths.values())


def test_a_profile_is_mapped_by_output_tensors_and_the_rest_is_other():
    costs = [
        layer(layer_cost.POINTWISE, 1000, 100, 100, "a"),
        layer(layer_cost.POINTWISE, 1000, 100, 200, "b"),
        layer(layer_cost.ELEMENTWISE, 0, 200, 100, "fused"),
    ]
    profile = [
        OpTime("a", "CONV_2D", 1500.0, True),
        OpTime("b", "CONV_2D", 500.0, True),
        OpTime("b", "CONV_2D", 100.0, True),
        OpTime("Convert", "Convert", 70.0, True),
    ]
    times = layer_times(costs, MADE_UP, FLOAT32, profile)
    assert [time.measured_ns for time in times] == [1500.0, 600.0, None]
    kinds = kind_times(times, FLOAT32, profile)
    assert list(kinds) == [layer_cost.POINTWISE, layer_cost.ELEMENTWISE, OTHER]
    pointwise = kinds[layer_cost.POINTWISE]
    assert (pointwise.layers, pointwise.macs, pointwise.bytes_moved) == (2, 2000, 2000)
    assert (pointwise.predicted_ns, pointwise.memory_bound_ns) == pytest.approx((2200, 1200))
    assert kinds[OTHER].measured_ns == 70.0 and kinds[layer_cost.ELEMENTWISE].measured_ns is None
    whole = total(kinds.values(), "all")
    assert whole.measured_ns == sum(op.mean_ns for op in profile)
    assert (whole.layers, whole.predicted_ns) == (3, pytest.approx(3400))


def test_an_operator_took_the_median_of_its_rounds():
    rounds = [(OpTime("a", "A", a, True), OpTime("b", "B", b, False))
              for a, b in ((1.0, 70.0), (9.0, 50.0), (2.0, 60.0))]  # fmt: skip
    assert middle(rounds) == (OpTime("a", "A", 2.0, True), OpTime("b", "B", 60.0, False))


def test_each_layer_is_marked_in_both_precisions():
    costs = [
        layer(layer_cost.POINTWISE, 1000, 100, 100, "wide"),
        layer(layer_cost.DEPTHWISE, 10, 100, 100, "deep"),
    ]
    _, heading, wide, deep, whole = roofline_table.lines(costs, MADE_UP)
    assert heading.split().count("bound") == 2
    assert wide.split() == ["wide", "1x1", *("1.25", "compute", "0.001"),
                            *("5.00", "compute", "0.000")]  # fmt: skip
    assert deep.split()[:4] == ["deep", "depthwise", "0.01", "memory"]
    assert "44% memory" in whole  # 800 of 1800 ns
    found = roofline_table.as_dicts(costs, MADE_UP)
    assert found[1]["float32"] == {"bound": "memory", "predicted_ms": pytest.approx(0.0008)}
