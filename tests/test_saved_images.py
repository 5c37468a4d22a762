"""Images written row by row, as a file that numpy reads."""

import os

import numpy as np
import pytest

from models.data.saved_images import write_rows


@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_rows_are_a_file_of_as_many_as_there_are(rows, tmp_path):
    values = np.random.default_rng(0).normal(size=(rows, 4, 2)).astype(np.float32)
    write_rows(tmp_path / "rows.npy", (5, 4, 2), values)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), values)
    assert os.listdir(tmp_path) == ["rows.npy"]


def test_rows_may_come_several_at_a_time(tmp_path):
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    write_rows(tmp_path / "rows.npy", (6, 2), [values[:2], values[2:]])
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), values)
