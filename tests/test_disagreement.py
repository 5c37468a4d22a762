"""The pairs of a drift matrix that are worth explaining."""

from bench.explain.disagreement import disagreeing
from bench.measurement.drift import DriftLimit
from bench.measurement.record import Drift

LIMIT = DriftLimit(agreement=0.99, sqnr_db=20)


def drift(a, b, agreeing=100, sqnr_db=60.0):
    return Drift("s", a, b, 100, agreeing, sqnr_db, 1.0, 0.0, 0.0)


def pairs(drifts):
    return [(found.a, found.b) for found in disagreeing(drifts, LIMIT)]


def test_a_bad_file_is_explained_against_keras_alone():
    columns = ["keras", "good", "bad", "fine"]
    drifts = [
        drift(a, b, agreeing=50 if "bad" in (a, b) else 100)
        for n, a in enumerate(columns)
        for b in columns[n + 1 :]
    ]
    assert pairs(drifts) == [("keras", "bad")]


def test_noise_is_a_disagreement_without_another_answer():
    assert pairs([drift("keras", "noisy", sqnr_db=10.0)]) == [("keras", "noisy")]


def test_two_files_that_each_agree_with_keras_may_disagree_with_each_other():
    drifts = [drift("keras", "a"), drift("keras", "b"), drift("a", "b", agreeing=98)]
    assert pairs(drifts) == [("a", "b")]


def test_where_all_agree_there_is_nothing_to_explain():
    assert pairs([drift("keras", "a"), drift("keras", "b", sqnr_db=None), drift("a", "b")]) == []
