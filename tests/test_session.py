"""A session: the records of its devices, and the commands that its warnings advise."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_records import HOST, result

from bench.engine.measure_options import MeasureOptions
from bench.engine.session import DeviceRun, Session
from bench.engine.variant import Variant
from bench.gates.next_steps import NextSteps
from bench.measurement.result import State
from models.command_line.options import Options

ONDEMAND = (State(0.0, governors=("ondemand",)),)


def session(target="bench", **measured):
    measure = MeasureOptions(**measured)
    exported = SimpleNamespace(manifest=SimpleNamespace(model_id="tiny"))
    return Session(target, exported, Options(arch="v1"), measure, measure.given, "a command")


def recorded(of):
    """The record of a run on one of two cores, of a board whose governor can be set."""
    artifact = SimpleNamespace(
        name="int8.tflite", sha256="0" * 64, bytes=1000, format="tflite", scheme="int8"
    )
    environment = HOST.__class__(**{**vars(HOST), "governor_settable": True})
    run = DeviceRun(of, SimpleNamespace(name="pi4"), environment, ())
    found = result([[1000, 1001]] * 30, affinity=(0,), states=ONDEMAND)
    return run.record("run", Variant(artifact, "litert"), found, "now")


def advice(record):
    return {warning.kind: warning.advice for warning in record.warnings}


def test_every_session_has_a_name_of_its_own():
    assert session().id != session().id
    assert recorded(session()).command == "a command" and recorded(session()).device == "pi4"


def test_a_line_has_the_variables_that_were_given_and_those_that_change():
    of = session(files="int8.tflite,int8.onnx", strict=True)
    assert of.make_line() == "make bench ARCH=v1 FILES=int8.tflite,int8.onnx STRICT=1"
    assert of.make_line(strict=None, plan="thorough") == (
        "make bench ARCH=v1 FILES=int8.tflite,int8.onnx PLAN=thorough"
    )


def test_a_benchs_warnings_advise_the_bench_with_other_variables():
    found = advice(recorded(session(cores="0")))
    assert found["few-cores"] == "run make bench ARCH=v1 CORES=0 THREADS=1"
    assert "run make bench ARCH=v1 CORES=0 GOVERNOR=performance" in found["governor"]


@pytest.mark.parametrize("target", ["gate", "baseline"])
def test_a_gates_warnings_advise_no_variables_that_it_has_not(target):
    found = advice(recorded(session(target)))
    assert "GOVERNOR=" not in found["governor"] and "make" not in found["few-cores"]


def test_the_next_steps_of_a_gate_keep_its_plan_and_cores():
    steps = NextSteps.of(session("gate", plan="quick", cores="0,1"))
    assert steps.baseline == "make baseline ARCH=v1 PLAN=quick CORES=0,1"
    assert steps.thorough_baseline == "make baseline ARCH=v1 PLAN=thorough CORES=0,1"
    assert steps.thorough_gate == "make gate ARCH=v1 PLAN=thorough CORES=0,1"


@pytest.mark.parametrize(
    ("target", "cores", "advice"),
    [
        ("bench", 1.5, "or run make bench ARCH=v1 THREADS=1"),
        ("gate", 1.5, "or use THREADS=1"),
        ("gate", 0.5, "raise the CPU quota"),
        ("gate", 2.0, None),
        ("gate", None, None),
    ],
)
def test_a_quota_smaller_than_the_threads_is_noted_ahead(target, cores, advice):
    environment = replace(HOST, cpu_quota_cores=cores)
    notes = DeviceRun(session(target), SimpleNamespace(name="pi4"), environment, ()).notes
    if advice is None:
        assert notes == []
    else:
        (note,) = notes
        assert note.startswith(f"pi4: 2 threads with a CPU quota of {cores} cores") and (
            advice in note
        )
