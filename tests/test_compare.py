"""The comparison with other tools: every row is made, evaluated and timed in one run."""

import json

import pytest
from in_process import call


@pytest.mark.slow
def test_ours_stands_beside_the_other_tools(tmp_path):
    done = call(
        "quantize.compare", "--arch", "v1", "--n-calib", "32", "--n-eval", "100", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {row["tool"]: row for row in json.loads(done.stdout)}
    assert list(rows) == ["float32", "TFLite converter", "litert-quantizer", "ours"]
    assert rows["TFLite converter"]["latency_ratio"] == 1.0
    assert rows["float32"]["top1_agreement"] == 1.0 and rows["float32"]["sqnr_db"] is None
    assert rows["ours"]["sqnr_db"] > 25 and rows["ours"]["top1"] > 0.8
    assert all(row["latency_ratio"] > 0 for row in rows.values())
