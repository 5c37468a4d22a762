"""A device whose ssh server is dropbear, which gives all programs of a connection one session."""

import pytest
from breakable_relay import BreakableRelay
from loopback_dropbear import LoopbackDropbear
from remote_project import RemoteProject

pytestmark = pytest.mark.waits


@pytest.fixture
def through_dropbear(far, tmp_path, monkeypatch):
    """The project ``far``, its device reached through dropbear."""
    with (
        LoopbackDropbear(tmp_path / "dropbear") as server,
        BreakableRelay(server.port) as between,
    ):
        yield RemoteProject(far.folder, server, between, monkeypatch)


def test_it_measures_and_evaluates(through_dropbear, capsys):
    assert through_dropbear.bench() == 0
    (row,) = through_dropbear.rows()
    assert row.result.error is None and row.accuracy.images == 30
    assert "note: pi" not in capsys.readouterr().err
    assert through_dropbear.is_free()


@pytest.mark.parametrize("place", ["start", "timing", "evaluating"])
def test_ctrl_c_ends_the_runner_and_nothing_else(through_dropbear, capsys, place):
    through_dropbear.stall(place)
    through_dropbear.when_it_stalls(through_dropbear.interrupt)
    assert through_dropbear.bench() == 130
    shown = capsys.readouterr().err
    assert "interrupted; finished rows are kept" in shown
    assert "cannot be ended" not in shown
    assert through_dropbear.is_free()


def test_what_ran_on_a_connection_that_broke_ends_and_the_bench_goes_on(through_dropbear, capsys):
    through_dropbear.impatient()
    through_dropbear.stall("timing")
    through_dropbear.when_it_stalls(through_dropbear.between.cut)
    through_dropbear.bench()
    shown = capsys.readouterr().err
    assert "pi: the connection broke; trying to reach it again" in shown
    assert "cannot be ended" not in shown and "given up" not in shown
    assert through_dropbear.is_free()
