"""One run beside another: turn by turn where they took turns, apart where they did not."""

from dataclasses import replace

import pytest
from made_records import HOST, result, timed_record

from bench.console import record_table
from bench.measurement.comparable import relative
from bench.measurement.flat_record import as_json
from bench.measurement.latency import ratio, unpaired_ratio

# The machine gets slower and slower, for both alike.
A = timed_record(result=result([[200 + 20 * n] * 5 for n in range(40)]))
B = timed_record("float32.tflite", result=result([[100 + 10 * n] * 5 for n in range(40)]))


def in_group(record, number):
    return replace(record, result=replace(record.result, turn_group=number))


def test_what_slowed_both_of_a_group_down_is_not_in_their_ratio():
    found = relative(A, B)
    assert found.in_turns and found.ratio == ratio(A.result, B.result)
    assert found.ratio.value == 2 and found.ratio.interval.high < 2.01


@pytest.mark.parametrize(
    "other",
    [in_group(B, 1), replace(B, session="s2"), replace(B, device="pi4")],
    ids=["group", "session", "device"],
)
def test_what_took_no_turns_is_compared_apart(other):
    found = relative(A, other)
    assert not found.in_turns and found.ratio == unpaired_ratio(A.result, other.result)
    assert found.ratio.interval.high > 2.2


def test_runs_of_minutes_of_one_session_took_no_turns():
    long = [replace(one, kind="sustained") for one in (A, B)]
    assert not relative(*long).in_turns


def test_an_emulated_device_has_no_ratio():
    emulated = [replace(one, environment=replace(HOST, emulated=True)) for one in (A, B)]
    assert relative(*emulated) is None
    assert relative(emulated[0], B) is None and relative(A, emulated[1]) is None


def test_a_run_without_times_has_no_ratio():
    untimed = replace(A, result=result([]))
    assert relative(untimed, B) is None and relative(B, untimed) is None


def test_a_ratio_of_files_that_took_no_turns_is_marked_in_the_table():
    rows = [B, A, in_group(A, 1)]
    heading, *lines, about, mark = record_table.latency_lines(rows, B)
    assert "vs float32" in heading and [line.split()[4] for line in lines] == [
        "1.00", "2.00", "2.00*",
    ]  # fmt: skip
    assert about.startswith("vs float32: the median over that of float32.tflite in litert")
    assert mark.startswith("*: took no turns with it, since memory did not hold all")
    assert record_table.latency_lines(rows[:2], B)[-1] == about
    assert [as_json(row, B)["ratio_in_turns"] for row in rows] == [True, True, False]
