"""The rate of wrong verdicts: quick versions of ``python -m bench.studies.gate_power``.

``recorded_rounds.npz``: float32 and int8 of the demo in LiteRT and int8 in ONNX Runtime, each twice
in 13 rounds of `bench baseline` on a quiet virtual machine of two cores; the median of each turn in
microseconds, float32 [file, round, half, turn].
"""

from pathlib import Path

import numpy as np
import pytest
from made_records import result, timed_record

from bench.gates.limits import Limits
from bench.history.history import History
from bench.studies.claim import Claim, wilson
from bench.studies.gate_power import (
    BASELINE_ROUNDS,
    accuracy_claims,
    latency_claims,
    recorded,
    run,
)
from models.command_line.errors import CheckFailed, RequestError

LIMITS = Limits(max_drop_points=0.5, max_slowdown_percent=5, min_slowdown_ms=0.01)


def rounds():
    with np.load(Path(__file__).parent / "recorded_rounds.npz") as file:
        medians_us = file["turn_medians_us"]
    return [
        [tuple(result([[1000 * us] for us in half]) for half in pair) for pair in of_file]
        for of_file in medians_us
    ]


def by_name(claims):
    return {claim.name: claim for claim in claims}


def test_equal_files_fail_at_most_twice_in_200():
    found = by_name(latency_claims(rounds(), LIMITS, 200, seed=1))
    assert found['latency, reference = "file": equal files fail'].count <= 2


def test_ten_per_cent_slower_is_caught_nineteen_times_in_twenty():
    found = by_name(latency_claims(rounds(), LIMITS, 200, seed=1))
    slower = found['latency, reference = "file": files 10 % slower fail']
    assert slower.count >= 190 and slower.holds


def test_a_drop_of_one_point_is_not_passed_on_10_000_images():
    for claim in accuracy_claims(LIMITS, 60, seed=2):
        assert claim.holds, claim
        if "is not passed" in claim.name or "0.0 points" not in claim.name:
            assert claim.count >= 0.75 * claim.of
    lenient = accuracy_claims(Limits(max_drop_points=2), 20, seed=2)
    assert not all(claim.holds for claim in lenient)


def test_wilsons_interval():
    """By hand from Wilson's formula; a count of none leaves more than none possible."""
    none = wilson(0, 200)
    assert (none.low, none.high) == pytest.approx((0, 3.8415 / 203.8415), abs=1e-5)
    assert wilson(200, 200).low == pytest.approx(1 - none.high)


def test_a_claim_says_whether_it_holds():
    assert "holds" in str(Claim("x", 2, 200, 0.01, at_least=False))
    assert "DOES NOT HOLD" in str(Claim("x", 3, 200, 0.01, at_least=False))
    assert "DOES NOT HOLD" in str(Claim("x", 94, 100, 0.95))


def test_the_script_takes_rounds_from_the_history(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(
        "[accuracy]\nmax_drop_points = 0.5\n[latency]\nmax_slowdown_percent = 5\n"
    )
    history = History()
    for number in range(BASELINE_ROUNDS + 3):
        for _ in range(2):
            steady = result([[1_000_000]] * 30)
            session = f"g/{number:03}"
            history.append(timed_record(kind="baseline", session=session, result=steady))
    ((name, found),) = recorded(history.path).items()
    assert name == "tiny int8.tflite litert host" and len(found) == BASELINE_ROUNDS + 3
    run(["--comparisons", "20"])
    shown = capsys.readouterr().out
    assert "files 10 % slower fail" in shown and "20 of 20" in shown and "0 of 20" in shown
    (tmp_path / "gate.toml").write_text(
        "[accuracy]\nmax_drop_points = 5\n[latency]\nmax_slowdown_percent = 5\n"
    )
    with pytest.raises(CheckFailed, match="flips of 10,000"):
        run(["--comparisons", "20"])


def test_too_short_a_history_says_what_to_type(tmp_path):
    with pytest.raises(RequestError, match="run make baseline ARCH=v2 RUNS=20 first"):
        recorded(tmp_path / "none.sqlite")
