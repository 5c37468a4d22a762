"""The sensitivity command: every layer, the noisiest first; and what it refuses."""

import json

import pytest
from commands import SMALL
from in_process import call


@pytest.mark.slow
def test_every_layer_is_a_row_and_the_noisiest_is_the_first(tmp_path):
    done = call(
        "quantize.sensitivity", "--arch", "v1", "--methods", "min-max", "--n-calib", "16",
        "--n-eval", "32", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) == len({row["layer"] for row in rows}) == 28
    assert {"conv1", "conv_dw_1", "conv_preds"} <= {row["layer"] for row in rows}
    alone = [row["alone_db"] for row in rows]
    assert alone == sorted(alone)
    assert "55 of 56" in done.stderr


def test_random_weights_are_refused_before_anything_is_loaded(tmp_path):
    for asked in (SMALL, ("--arch", "v4-conv-small")):
        done = call("quantize.sensitivity", *asked, cwd=tmp_path)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert "WEIGHTS is random" in line and "expected trained weights" in line


@pytest.mark.slow
def test_the_report_shows_the_int8_form_that_an_export_ends_at(tmp_path):
    arguments = ("--arch", "v1", "--n-calib", "16", "--n-eval", "32")
    ended = call("quantize", *arguments, "--methods", "min-max,bias-correction", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("v1-0.5-96-demo: int8 by bias-correction, on 16 images of demo")
    asked = call("quantize", *arguments, "--observer", "percentile", "--json", cwd=tmp_path)
    assert asked.returncode == 0, asked.stderr
    assert any(row["clipped"] > 0 for row in json.loads(asked.stdout))
    assert (tmp_path / "results" / "v1-0.5-96-demo-calibration.svg").is_file()
