"""Every warning about a measurement is found, and a sound one has none."""

from dataclasses import replace
from functools import partial

import pytest
from made_records import HOST, result

from bench.console.warning_lines import summed_up
from bench.measurement.environment import Battery
from bench.measurement.find_warnings import find_warnings
from bench.measurement.plan import DEFAULT
from bench.measurement.result import CpuQuota, Delegate, RunError, State
from models.command_line.advice import make_line
from models.command_line.options import Options

STEADY = [[1000, 1001, 999, 1002]] * 30
SOUND = result(
    STEADY,
    warmup_stable=True,
    others_share=0.01,
    stolen_share=0.0,
    states=(State(0.0, 0.1, ("performance",), (1800,), 50.0, 0), State(9.0, 0.1)),
    delegate=Delegate(60, 1, {"SOFTMAX": 1}),
)
BOARD = replace(HOST, max_khz=(1800,))


def kinds(environment=BOARD, plan=DEFAULT, **changed):
    return [warning.kind for warning in find_warnings(replace(SOUND, **changed), environment, plan)]


def state(**fields):
    return (SOUND.states[0], replace(SOUND.states[0], **fields))


def test_a_sound_measurement_has_none():
    assert kinds() == []


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("busy", {"others_share": 0.2}),
        ("stolen", {"stolen_share": 0.1}),
        ("few-cores", {"affinity": (0,)}),
        ("governor", {"states": state(governors=("powersave",))}),
        ("throttled", {"states": state(throttled=0x4)}),
        ("hot", {"states": state(temperature_c=85.0)}),
        ("slow-clock", {"states": state(frequency_khz=(900,))}),
        ("throttled", {"batteries": (Battery(90, "USB", 41.0, 3), Battery(89, "USB", 40.0, 1))}),
        ("low-battery", {"batteries": (Battery(21, "", 30.0, 0), Battery(20, "", 30.0, 0))}),
        ("cold", {"warmup_stable": False}),
        ("not-delegated", {"delegate": Delegate(10, 3, {"HARD_SWISH": 5})}),
    ],
)
def test_each_warning_is_named(kind, changed):
    assert kinds(**changed) == [kind]


def test_what_was_throttled_once_since_boot_is_not_throttled_now():
    before = replace(SOUND.states[0], throttled=0x50000)
    assert kinds(states=(before, before)) == []


def test_what_began_and_ended_between_the_first_and_the_last_question_was_throttled():
    assert kinds(states=state(throttled=0x40000)) == ["throttled"]
    before = replace(SOUND.states[0], throttled=0x10000)
    assert kinds(states=(before, replace(before, throttled=0x30000))) == ["throttled"]


def test_an_emulated_processor_is_named():
    assert kinds(environment=replace(BOARD, emulated=True)) == ["emulated"]


AGAIN = partial(make_line, "bench", Options(arch="v1"))


def timed(turns):
    found = result(turns)
    return {"samples_ns": found.samples_ns, "turns": found.turns}


def test_a_median_that_is_not_known_as_well_as_asked_for_is_named():
    rough = [[1000 + 30 * (-1) ** n] * 4 for n in range(30)]
    assert kinds(**timed(rough)) == ["few-samples"]
    assert kinds(plan=replace(DEFAULT, precision=0.05), **timed(rough)) == []


def test_more_samples_and_other_threads_are_a_command_away():
    few = replace(SOUND, **timed([[1000 + 30 * (-1) ** n] * 4 for n in range(30)]), affinity=(0,))
    threads, samples = find_warnings(few, BOARD, DEFAULT, AGAIN)
    assert threads.advice == "run make bench ARCH=v1 THREADS=1"
    assert samples.advice == "run make bench ARCH=v1 PLAN=thorough"


def test_scattered_samples_are_named():
    assert "noisy" in kinds(**timed([[700, 1000, 1300, 1010, 690, 1310]] * 40))


@pytest.mark.parametrize(
    ("first", "last", "advice"), [(1000, 1300, "cool down"), (1300, 1000, "quiet machine")]
)
def test_a_machine_that_becomes_slower_or_faster_is_named(first, last, advice):
    found = replace(SOUND, **timed([[first]] * 15 + [[last]] * 15))
    (drifting,) = (one for one in find_warnings(found, BOARD, DEFAULT, None)
                   if one.kind == "drifting")  # fmt: skip
    assert advice in drifting.advice


def test_the_builtin_kernels_are_meant_to_be_undelegated():
    outside = Delegate(0, 0, {"CONV_2D": 30})
    assert kinds(delegate=outside, runtime="litert-builtin") == []
    assert kinds(delegate=outside) == ["not-delegated"]


def test_a_run_that_failed_is_an_error_and_no_warning():
    assert kinds(error=RunError("crashed", "SIGSEGV"), others_share=1.0) == []


def test_what_the_machine_does_not_tell_is_no_warning():
    assert (
        kinds(others_share=None, stolen_share=None, states=(State(0.0),), warmup_stable=None) == []
    )


def test_many_rows_with_one_warning_are_one_line_with_its_advice():
    from made_records import timed_record

    busy = find_warnings(replace(SOUND, others_share=0.5), BOARD, DEFAULT)
    rows = [timed_record(warnings=busy), timed_record("float32.tflite", warnings=busy)]
    (line,) = summed_up(rows)
    assert line.startswith("warning busy: all rows") and "50%" in line and "end them" in line
    assert summed_up([timed_record()]) == []


def test_a_governor_is_changed_by_us_or_by_hand():
    changed = replace(SOUND, states=state(governors=("ondemand",)))
    by_hand = find_warnings(changed, BOARD, DEFAULT)[0].advice
    settable = replace(BOARD, governor_settable=True)
    by_us = find_warnings(changed, settable, DEFAULT, AGAIN)[0].advice
    assert "run make bench ARCH=v1 GOVERNOR=performance" in by_us and "GOVERNOR=" not in by_hand
    assert find_warnings(changed, settable, DEFAULT)[0].advice == by_hand  # not a variable of all
    assert "echo performance | sudo tee /sys/" in by_hand


def test_a_phone_that_slows_itself_down_is_told_in_words():
    hot = replace(SOUND, batteries=(Battery(90, "AC", 38.0, 1), Battery(90, "AC", 44.0, 3)))
    (warning,) = find_warnings(hot, BOARD, DEFAULT)
    assert warning.message == "the phone slowed itself down: thermal status 3 of 6 (severe)"
    assert "let it cool" in warning.advice and "charge" in warning.advice


@pytest.mark.parametrize(
    "battery",
    [Battery(90, "", 30.0, 1), Battery(20, "USB", 30.0, 0), Battery(None, None, None, None)],
)
def test_a_battery_that_says_nothing_of_the_times_is_no_warning(battery):
    assert kinds(batteries=(battery, battery)) == []


PHONE = replace(BOARD, os="Android 14")


def test_nobody_is_told_to_use_sudo_on_a_phone():
    slow = state(governors=("schedutil",), frequency_khz=(900,))
    found = find_warnings(replace(SOUND, states=slow), PHONE, DEFAULT)
    assert [warning.kind for warning in found] == ["governor", "slow-clock"]
    for warning in found:
        assert "compare only files that took turns" in warning.advice
        assert "sudo" not in warning.advice and "performance" not in warning.advice
    rooted = find_warnings(
        replace(SOUND, states=slow), replace(PHONE, governor_settable=True), DEFAULT, AGAIN
    )
    assert "GOVERNOR=performance" in rooted[0].advice


LITTLE_BIG = replace(PHONE, max_khz=(1000, 1000, 2000, 2000))


@pytest.mark.parametrize(
    ("affinity", "clocks", "found"),
    [
        ((2, 3), (1000, 1000, 1000, 1200), ["slow-clock"]),  # the others' clocks say nothing
        ((2, 3), (300, 300, 2000, 300), []),
        ((), (1000, 300, 1000, 300), []),
        ((6, 7), (1000, 300, 1000, 300), []),  # figures of other cores than those
        ((2, 3), (1000, 1000, 1000), ["slow-clock"]),  # core 3 is off
        ((2, 3), (300, 0, 0, 2000), []),  # and here 1 and 2
        ((0, 2), (1000, 0, 2000), []),
        ((2, 3), (1000, 2000), []),
    ],
)
def test_the_clock_is_that_of_the_cores_that_were_used(affinity, clocks, found):
    assert kinds(LITTLE_BIG, affinity=affinity, states=state(frequency_khz=clocks)) == found


def quota(**fields):
    return {"cpu_quota": CpuQuota(1.5, "/sys/fs/cgroup/cpu.max", **fields)}


def test_a_quota_that_stopped_it_is_named_and_nobody_is_told_to_cool_anything():
    slower = timed([[1000]] * 15 + [[1300]] * 15) | quota(throttled_periods=3, throttled_ns=10**9)
    found = find_warnings(replace(SOUND, **slower), replace(BOARD, cpu_quota_cores=1.5), DEFAULT)
    advice = {warning.kind: warning.advice for warning in found}
    assert {"quota", "drifting"} <= set(advice) and len(found) == len(advice)
    assert all("raise the CPU quota" in one for one in advice.values()), advice
    (message,) = [warning.message for warning in found if warning.kind == "quota"]
    assert "1.5 cores (/sys/fs/cgroup/cpu.max)" in message and "1.00 s" in message


def test_a_quota_that_did_not_stop_it_is_no_warning_unless_there_are_more_threads():
    wide = replace(BOARD, cpu_quota_cores=2.0)
    assert kinds(environment=wide, **quota()) == []
    (warning,) = find_warnings(SOUND, replace(BOARD, cpu_quota_cores=1.5), DEFAULT, AGAIN)
    assert warning.message == "2 threads with a CPU quota of 1.5 cores"
    assert "raise the CPU quota" in warning.advice and "ARCH=v1 THREADS=1" in warning.advice
    (warning,) = find_warnings(SOUND, replace(BOARD, cpu_quota_cores=0.5), DEFAULT, AGAIN)
    assert "THREADS" not in warning.advice


def test_what_did_not_answer_is_named_with_what_is_not_known():
    (warning,) = find_warnings(replace(SOUND, unanswered=("vcgencmd",)), BOARD, DEFAULT)
    assert "vcgencmd did not answer" in warning.message and "throttling" in warning.message
    assert "vcgencmd get_throttled" in warning.advice
    (warning,) = find_warnings(replace(SOUND, unanswered=("hwmon", "thermal")), BOARD, DEFAULT)
    assert "hwmon, thermal did not answer" in warning.message and "/sys/class/" in warning.advice


def test_cores_that_were_asked_for_and_not_had_are_named():
    (warning,) = find_warnings(SOUND, BOARD, DEFAULT, AGAIN, (0, 1, 3))
    assert (warning.kind, "core 3 of CORES=0,1,3" in warning.message) == ("other-cores", True)
    assert "cpu3/online" in warning.advice
    assert find_warnings(SOUND, BOARD, DEFAULT, AGAIN, (0, 1)) == ()
