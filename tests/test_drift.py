"""The drift matrix: every pair of columns, and what a reader sees of it."""

import json
import math

import numpy as np
import pytest

from bench.console.drift_table import drift_table, percent
from bench.measurement import accuracy
from bench.measurement.drift import DriftLimit, as_dict, beyond, matrix, names

RIGHT = np.array([[0.8, 0.2], [0.3, 0.7]], np.float32)
FLIPPED = np.array([[0.8, 0.2], [0.6, 0.4]], np.float32)


def drifts(**columns):
    return matrix("s", columns, "softmax")


def test_every_pair_is_compared_once_the_first_column_as_the_signal():
    found = drifts(keras=RIGHT, a=RIGHT, b=FLIPPED)
    assert [(d.a, d.b, d.agreeing) for d in found] == [
        ("keras", "a", 2), ("keras", "b", 1), ("a", "b", 1),
    ]  # fmt: skip
    assert found[0].sqnr_db is None and found[0].worst_softmax_change == 0
    apart = found[1]
    signal, noise = 0.64 + 0.04 + 0.09 + 0.49, 2 * 0.09
    assert apart.sqnr_db == pytest.approx(10 * math.log10(signal / noise), abs=1e-5)
    product, other = 0.64 + 0.04 + 0.18 + 0.28, 0.64 + 0.04 + 0.36 + 0.16
    assert apart.cosine == pytest.approx(product / math.sqrt(signal * other), abs=1e-6)
    assert apart.worst_softmax_change == pytest.approx(0.3)
    assert apart.mean_softmax_change == pytest.approx(0.15)
    assert (apart.session, apart.images) == ("s", 2)


def test_logits_are_compared_as_probabilities_but_for_the_sqnr():
    a, b = np.array([[math.log(4), 0]]), np.array([[0, 0]])
    found = matrix("s", {"a": a, "b": b}, "logits")[0]
    assert found.worst_softmax_change == pytest.approx(0.3) and found.sqnr_db == 0


def test_columns_on_disk_in_pieces_give_the_same_matrix(tmp_path, monkeypatch):
    noise = np.random.default_rng(3)
    columns = {name: noise.random((20, 4)).astype(np.float32) for name in "abc"}
    whole = matrix("s", columns, "softmax")
    for name, values in columns.items():
        np.save(tmp_path / f"{name}.npy", values)
    monkeypatch.setattr(accuracy, "CHUNK_VALUES", 12)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in columns}
    found = matrix("s", mapped, "softmax")
    assert [d.agreeing for d in found] == [d.agreeing for d in whole]
    assert [d.sqnr_db for d in found] == pytest.approx([d.sqnr_db for d in whole])


def test_columns_of_other_images_are_refused():
    with pytest.raises(ValueError, match="different shapes"):
        drifts(a=RIGHT, b=RIGHT[:1])


def test_one_column_or_none_has_no_drift():
    assert drifts(keras=RIGHT) == [] and drifts() == []
    assert drift_table([]) == ""


def test_the_table_has_agreement_above_the_diagonal_and_sqnr_below():
    lines = drift_table(drifts(keras=RIGHT, other=FLIPPED)).splitlines()
    assert lines[0].startswith("drift on 2 images")
    assert lines[1].split() == ["1", "2"]
    assert lines[2].split() == ["1", "keras", "-", "50.0"]
    assert lines[3].split() == ["2", "other", "8.5", "-"]
    assert drift_table(drifts(a=RIGHT, b=RIGHT)).splitlines()[3].split() == ["2", "b", "exact", "-"]


def test_more_columns_than_fit_are_in_blocks_of_a_hundred_characters():
    columns = {f"column {i}": RIGHT for i in range(15)}
    found = matrix("s", columns, "softmax")
    lines = drift_table(found).splitlines()
    assert max(map(len, lines)) <= 100 and len(lines) == 1 + 2 * 16
    assert lines[1].split()[0] == "1" and lines[17].split()[-1] == "15"
    assert [line.split()[2] for line in lines[2:17]] == [line.split()[2] for line in lines[18:]]
    whole = drift_table(found, wide=True).splitlines()
    assert len(whole) == 17 and whole[1].split() == [str(n) for n in range(1, 16)]


def test_only_full_agreement_is_shown_as_a_hundred_percent():
    assert percent(10_000, 10_000) == "100.0"
    assert percent(9_999, 10_000) == ">99.9"
    assert percent(995, 1000) == "99.5"


def test_a_pair_that_was_not_compared_is_shown_as_such():
    found = drifts(a=RIGHT, b=RIGHT, c=FLIPPED)
    assert drift_table(found[:-1]).splitlines()[3].split()[-1] == "n/a"


def test_pairs_beyond_a_limit_come_with_the_least_agreement_first():
    noisy = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)  # 15 dB, same predictions
    found = drifts(keras=RIGHT, noisy=noisy, flipped=FLIPPED)
    assert [(d.a, d.b) for d in beyond(found, DriftLimit())] == [
        ("keras", "flipped"), ("noisy", "flipped"), ("keras", "noisy"),
    ]  # fmt: skip
    assert [d.b for d in beyond(found, DriftLimit(sqnr_db=5.0))] == ["flipped", "flipped"]
    assert beyond(found, DriftLimit(agreement=0.5, sqnr_db=0.0)) == []


def test_a_program_reads_shares_and_names():
    found = drifts(keras=RIGHT, b=FLIPPED)
    assert json.loads(json.dumps(as_dict(found[0])))["agreement"] == 0.5
    assert names(found) == ["keras", "b"]
