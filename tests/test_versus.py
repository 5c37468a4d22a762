"""The comparison of two networks: sums by kind, sentences out of figures, the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bench_runs import QUICK
from commands import ROOT, SMALL
from in_process import call
from made_records import HOST
from test_roofline import MADE_UP, layer
from tiny_models import write_export

from bench.__main__ import main
from bench.cost import layer_cost, roofline_table, versus_command, versus_table
from bench.cost.exported_networks import exported
from bench.cost.layer_time import layer_times
from bench.cost.roofline import FLOAT32
from bench.cost.versus import Side, Versus, beyond_macs, making_the_difference
from bench.cost.versus_text import conclusion
from bench.devices.host import Host
from bench.measurement.plan import PLANS
from bench.measurement.result import OpTime, Result, Turn
from models.command_line.errors import RequestError
from models.command_line.options import Options

TINY = {arch: f"{arch}-0.5-32-random" for arch in ("v1", "v2")}
ASKED = ("--arch", "v2", "--alpha", "0.5", "--res", "32")
MILLION = 1_000_000


def side(name, median_ns, *layers):
    """``layers``: kind, MACs, values written, measured ns."""
    costs = [
        layer(kind, macs, 0, written, f"{kind} {n}")
        for n, (kind, macs, written, _) in enumerate(layers)
    ]
    profile = tuple(
        OpTime(cost.output, "", float(ns), True)
        for cost, (*_, ns) in zip(costs, layers, strict=True)
    )
    turns = tuple(Turn(float(n), 2) for n in range(8))
    result = Result("litert", samples_ns=(median_ns,) * 16, turns=turns)
    return Side(name, layer_times(costs, MADE_UP, FLOAT32, profile), profile, result)


SLIM = side(
    "slim",
    7 * MILLION,
    (layer_cost.POINTWISE, 1 * MILLION, 1000, 2 * MILLION),
    (layer_cost.DEPTHWISE, 1 * MILLION, 600_000, 3 * MILLION),
    (layer_cost.ELEMENTWISE, 0, 100_000, 1 * MILLION),
)
WIDE = side(
    "wide",
    5 * MILLION,
    (layer_cost.POINTWISE, 3 * MILLION, 1000, 3_500_000),
    (layer_cost.DEPTHWISE, 1 * MILLION, 300_000, 1 * MILLION),
)
VERSUS = Versus(FLOAT32, SLIM, WIDE)


def test_kinds_of_both_stand_side_by_side():
    pairs = VERSUS.kinds
    assert [pair.a.kind for pair in pairs] == ["1x1 convolution", "depthwise convolution",
                                               "elementwise"]  # fmt: skip
    assert [pair.difference_ns for pair in pairs] == [-1_500_000, 2_000_000, 1_000_000]
    assert pairs[2].b.layers == 0 and pairs[2].b.measured_ns is None
    whole = VERSUS.total
    assert (whole.a.macs, whole.b.macs) == (2 * MILLION, 4 * MILLION)
    assert whole.difference_ns == 1_500_000


def test_the_kinds_that_make_the_difference_are_named_and_no_more():
    assert [p.a.kind for p in making_the_difference(VERSUS.kinds, 1)] == [
        "depthwise convolution", "elementwise",
    ]  # fmt: skip
    assert [p.a.kind for p in making_the_difference(VERSUS.kinds, -1)] == ["1x1 convolution"]
    small = replace(VERSUS.kinds[2], a=replace(VERSUS.kinds[2].a, measured_ns=1.0))
    named = making_the_difference((*VERSUS.kinds[:2], small), 1)
    assert [pair.a.kind for pair in named] == ["depthwise convolution"]


def test_what_is_beyond_the_macs_adds_up_to_the_gap():
    excess = dict(beyond_macs(VERSUS))
    # Half of the MACs promise half of each kind's time.
    assert excess == {
        "depthwise convolution": 2_500_000,
        "elementwise": 1 * MILLION,
        "1x1 convolution": 250_000,
    }
    assert next(iter(excess)) == "depthwise convolution"
    whole = VERSUS.total
    assert sum(excess.values()) == whole.a.measured_ns - 0.5 * whole.b.measured_ns


def test_the_conclusion_is_made_of_the_figures():
    whole, kinds, macs = conclusion(VERSUS)
    assert whole.startswith("float32: slim takes 1.40 times as long as wide (95 %: 1.40 to 1.40),")
    assert whole.endswith("with 0.50 times the MACs and 2.33 times the bytes.")
    assert kinds == (
        "By kind slim loses in depthwise convolution (+2.00 ms; +0.40 ms predicted; 1.00 times the "
        "MACs, 2.00 times the bytes) and elementwise (+1.00 ms; +0.40 ms predicted; wide has none) "
        "and gains in 1x1 convolution (-1.50 ms; -2.00 ms predicted; 0.33 times the MACs, 1.00 "
        "times the bytes)."
    )
    assert macs.startswith(
        "By its MACs alone slim would take 2.25 ms; that it takes 6.00 ms is due to depthwise "
        "convolution (+2.50 ms) and elementwise (+1.00 ms). By the roofline 74% of its time is"
    )
    turned = conclusion(Versus(FLOAT32, WIDE, SLIM))
    assert "wide takes 0.71 times as long as slim" in turned[0]
    assert "gains in depthwise convolution (-2.00 ms" in turned[1] and "wide has none" in turned[1]
    assert turned[2].endswith("it takes 4.50 ms, no more than they promise.")


def test_equal_files_are_not_told_apart():
    noisy = replace(WIDE.result, samples_ns=(5 * MILLION, 6 * MILLION) * 8)
    late = replace(WIDE.result, samples_ns=(6 * MILLION, 5 * MILLION) * 8)
    both = Versus(FLOAT32, replace(WIDE, result=noisy), replace(SLIM, result=late))
    assert "(no difference beyond the noise)" in conclusion(both)[0]
    assert "noise" not in conclusion(VERSUS)[0]


def test_without_a_profile_there_is_the_whole_alone():
    costs = [time.cost for time in SLIM.layers]
    plain = replace(SLIM, layers=layer_times(costs, MADE_UP, FLOAT32), profile=())
    lines = versus_table.text(Versus(FLOAT32, plain, WIDE))
    assert lines[-1].startswith("float32: slim takes 1.40 times")
    assert any(line.endswith("inferences; operators not known") for line in lines)
    (depthwise,) = (line for line in lines if line.startswith("depthwise convolution "))
    assert depthwise.split()[-2:] == ["n/a", "1.00"]


def test_the_table_has_the_sum_beside_the_whole_inference():
    lines = versus_table.text(VERSUS)
    (elementwise,) = (line for line in lines if line.startswith("elementwise"))
    assert elementwise.split()[1:] == ["1", "-", "0.0", "-", "0.40", "-", "0.40", "-", "1.00", "-"]
    (slim,) = (line for line in lines if line.startswith("slim: "))
    assert slim == (
        "slim: 7.00 ms, median of 16 inferences without the profiler; operators add up to 86% of "
        "that"
    )
    assert not any(line.startswith("note") for line in lines)


def test_operators_that_do_not_add_up_are_noted():
    slow = replace(SLIM, result=replace(SLIM.result, samples_ns=(20 * MILLION,) * 16))
    lines = versus_table.text(Versus(FLOAT32, slow, WIDE))
    (at,) = (n for n, line in enumerate(lines) if line.startswith("note: that is not slim's time"))
    assert lines[at - 1].endswith("operators add up to 30% of that")


@pytest.fixture
def two_networks(tmp_path, monkeypatch):
    """A folder to run commands in: exported files of two tiny networks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PLANS, "gate", QUICK)
    for model_id in TINY.values():
        write_export(tmp_path / "artifacts", model_id)
    return tmp_path


def test_two_networks_are_measured_in_litert_layer_by_layer(two_networks, capsys):
    assert main(["summary", *ASKED, "--vs", "v1", "--device", "host", "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert given["models"] == [TINY["v2"], TINY["v1"]]
    assert given["roofline"]["ridge_macs_per_byte"]["int8"] > 0
    assert [each["precision"] for each in given["versus"]] == ["float32", "int8"]
    for each in given["versus"]:
        assert len(each["answer"]) == 3
        for network in each["networks"]:
            assert network["median_ms"] > 0 and network["samples"] >= QUICK.min_samples
            *kinds, whole = network["kinds"]
            assert whole["macs"] == 3 * 8 * 8 * 3
            assert whole["measured_ms"] == pytest.approx(
                sum(kind["measured_ms"] or 0 for kind in kinds)
            )
            dense = next(one for one in network["layers"] if one["output"] == "scores")
            assert dense["kind"] == "dense" and dense["measured_ms"] is not None


@pytest.mark.slow
def test_a_person_reads_a_table_for_each_precision_and_the_conclusion(two_networks, capsys):
    assert main(["summary", *ASKED, "--vs", "v1"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{TINY['v2']} against {TINY['v1']} on host (")
    assert "float32: v2 takes " in shown and "int8: v2 takes " in shown


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--vs", "v7"), "VS is 'v7'; expected another one of: v1 "),
        (("--vs", "v2"), "VS is 'v2', which is ARCH itself; expected another one of: v1 "),
        (
            ("--vs", "v1", "--model", "m.keras"),
            "expected ARCH instead of MODEL: make summary ARCH=v2 VS=v1",
        ),
        (("--vs", "v1", "--device", "host,android"), "expected one device alone"),
        (("--device", "host,android"), "expected one device alone"),
        (("--device", "nowhere"), "DEVICE is 'nowhere'"),
        (("--vs", "v1", "--device", "nowhere"), "DEVICE is 'nowhere'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(two_networks, capsys, more, expected):
    assert main(["summary", *ASKED, *more]) == 2
    shown = capsys.readouterr()
    assert expected in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_an_emulated_device_gives_no_figures(two_networks, monkeypatch, capsys):
    monkeypatch.setattr(Host, "environment", lambda host: replace(HOST, emulated=True))
    for more in (("--vs", "v1"), ("--device", "host")):
        assert main(["summary", *ASKED, *more]) == 2
        shown = capsys.readouterr()
        assert "DEVICE=host is emulated" in shown.err and not shown.out


def test_files_that_changed_are_not_measured(two_networks, capsys):
    (two_networks / "artifacts" / TINY["v1"] / "int8.tflite").write_bytes(b"other")
    assert main(["summary", *ASKED, "--vs", "v1"]) == 2
    assert "is not the file that was exported" in capsys.readouterr().err


def test_an_export_that_fails_ends_as_it_did(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    wrong = Options(arch="v1", weights="random", res=32, methods="no-such-method")
    with pytest.raises(RequestError, match="the export of v1-1-32-random ended with exit code 2"):
        exported(wrong)
    assert "no-such-method" in capfd.readouterr().err


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder where what one test exported need not be exported by the next."""
    return tmp_path_factory.mktemp("versus")


@pytest.fixture
def quickly(monkeypatch):
    for command in (roofline_table, versus_command):
        monkeypatch.setattr(command, "PLAN", "quick")


@pytest.mark.slow
def test_what_is_not_exported_is_exported_first(work, quickly):
    done = call("bench", "summary", *SMALL, "--vs", "v1", "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    assert "note: there are no files of v1-0.1-64-random in artifacts" in done.stderr
    given = json.loads(done.stdout)
    for each in given["versus"]:
        for network in each["networks"]:
            every = [one for one in network["layers"] if one["measured_ms"] is None]
            assert not every  # each layer of both has its operator in the profile


def test_what_is_exported_is_not_exported_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_export(tmp_path / "artifacts", "v2-1-224-random", formats=("tflite",))
    asked = Options(weights="random")
    files = sorted(path.stat() for path in tmp_path.rglob("*"))
    assert exported(asked).folder == Path("artifacts/v2-1-224-random")
    assert sorted(path.stat() for path in tmp_path.rglob("*")) == files


@pytest.mark.slow
def test_the_layers_of_one_network_are_marked(work, quickly):
    done = call("bench", "summary", *SMALL, "--device", "host", "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    given = json.loads(done.stdout)
    assert len(given["bounds"]) == len(given["layers"])
    assert {one["float32"]["bound"] for one in given["bounds"]} == {"compute", "memory"}
    plain = call("bench", "summary", *SMALL, cwd=work)
    assert plain.returncode == 0 and "ridge" not in plain.stdout
