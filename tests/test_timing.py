"""Options of a measurement, and the plan that they become."""

from argparse import ArgumentParser

import pytest

from bench.engine import measure_options
from bench.engine.measure_options import MeasureOptions
from bench.measurement.plan import PLANS
from models.command_line import options
from models.command_line.errors import RequestError


def asked(*argv):
    parser = ArgumentParser()
    options.add_table(parser, MeasureOptions, measure_options.HELP)
    measure_options.add_presets(parser)
    return options.from_namespace(parser.parse_args(argv), MeasureOptions)


def test_presets_are_plans_by_their_names():
    assert asked().plan == "default"
    for name in ("quick", "thorough"):
        assert asked(f"--{name}") == asked("--plan", name)
        assert asked(f"--{name}").chosen_plan == PLANS[name]
    limits = [PLANS[name].time_limit_s for name in ("quick", "default", "thorough")]
    precisions = [PLANS[name].precision for name in ("quick", "default", "thorough")]
    assert limits == sorted(limits) and precisions == sorted(precisions, reverse=True)


def test_a_plan_can_be_changed_by_hand():
    plan = asked("--quick", "--precision", "3", "--time-limit", "7").chosen_plan
    assert (plan.precision, plan.time_limit_s) == (0.03, 7)
    assert plan.turn_s == PLANS["quick"].turn_s


def test_a_switch_may_stand_alone():
    assert asked("--strict").strict and asked("--strict", "1").strict
    assert not asked("--strict", "0").strict and not asked().strict
    with pytest.raises(RequestError, match="STRICT is '2'; expected 0 or 1"):
        asked("--strict", "2")


def test_sustained_is_minutes_without_a_stop_rule():
    plan = asked("--sustained", "1.5").chosen_plan
    assert (plan.time_limit_s, plan.precision, plan.warmup_runs) == (90, 0, 0)


def test_lists_are_by_commas():
    chosen = asked("--files", "a.tflite, b.onnx,,a.tflite", "--cores", "0,3")
    assert chosen.wanted_files == ("a.tflite", "b.onnx") and chosen.affinity == (0, 3)
    assert asked().affinity is None
