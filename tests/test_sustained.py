"""Minutes without a pause: minute 1 against the last, and what the machine did meanwhile."""

import json
from dataclasses import replace

from made_records import result

from bench.__main__ import main
from bench.devices.host import Host
from bench.history.history import History
from bench.measurement.environment import Battery
from bench.measurement.minutes import minutes
from bench.measurement.result import State, Turn


def test_minutes_are_those_that_the_turns_began_in():
    turns = (Turn(0.0, 2), Turn(59.9, 1), Turn(60.0, 2), Turn(185.0, 1))
    states = (State(1.0, temperature_c=40.0), State(61.0, None, (), (800, 700), 70.0))
    found = replace(result([]), samples_ns=(10, 20, 30, 100, 200, 400), turns=turns, states=states)
    made = minutes(found)
    assert [(m.number, m.median_ns, m.samples) for m in made] == [
        (1, 20, 3),
        (2, 150, 2),
        (4, 400, 1),
    ]
    assert [(m.temperature_c, m.lowest_khz) for m in made] == [
        (40.0, None),
        (70.0, 700),
        (None, None),
    ]


def test_the_clock_of_a_minute_is_of_the_cores_that_are_on_and_might_be_used():
    states = (State(1.0, frequency_khz=(300, 0, 900, 800)), State(2.0, frequency_khz=(300, 700)))
    found = replace(
        result([]), samples_ns=(10,), turns=(Turn(0.0, 1),), states=states, affinity=(1, 2, 3)
    )
    assert [minute.lowest_khz for minute in minutes(found)] == [700]
    assert minutes(replace(found, affinity=()))[0].lowest_khz == 300


def test_a_sustained_run_is_in_the_history_and_says_what_is_left(tiny_project, capsys):
    command = ["run", "--model", "tiny.keras", "--data", "data.npz", "--sustained", "0.01"]
    chosen = ["--files", "int8.tflite,float32.onnx", "--runtimes", "litert,onnxruntime"]
    assert main([*command, *chosen, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["artifact"] for row in rows] == ["int8.tflite", "float32.onnx"]
    for row in rows:
        assert row["last_over_first"] == 1 and row["minutes"][0]["samples"] > 10
        kept = History().get(row["id"])
        assert kept.kind == "sustained" and 0.3 < kept.result.turns[-1].start_s < 60
        assert kept.result.warmup_runs == 0


def test_a_phone_tells_of_its_battery_before_and_after_each_run(tiny_project, monkeypatch, capsys):
    """Two runs: the battery is asked for four times."""
    levels = iter((90, 80, 70, 60))
    battery = lambda device: Battery(next(levels), "", 30.0)  # noqa: E731
    monkeypatch.setattr(Host, "battery", battery, raising=False)
    command = ["run", "--model", "tiny.keras", "--data", "data.npz", "--sustained", "0.01"]
    chosen = ["--files", "int8.tflite,float32.onnx", "--runtimes", "litert,onnxruntime"]
    assert main([*command, *chosen, "--json"]) == 0
    for row, expected in zip(
        json.loads(capsys.readouterr().out)["rows"], ([90, 80], [70, 60]), strict=True
    ):
        assert [battery["level_percent"] for battery in row["batteries"]] == expected
        kept = History().get(row["id"]).result.batteries
        assert [battery.level_percent for battery in kept] == expected


def test_a_row_that_fails_says_why(tiny_project, capsys):
    command = ["run", "--model", "tiny.keras", "--data", "data.npz", "--sustained", "0.01"]
    (tiny_project / "artifacts" / "tiny" / "x").touch()
    assert main([*command, "--cores", "3999", "--files", "int8.tflite"]) == 3
    shown = capsys.readouterr()
    assert "cores [3999] cannot be had" in shown.out and "all 3 rows failed" in shown.err
