"""A bench that makes its Python environment on the device, where pip has no network."""

import socket

import pytest
from processes import running
from remote_project import at_once, error_line

from bench.devices.provision import provision

pytestmark = pytest.mark.waits

UNREACHABLE = "http://127.0.0.1:9/simple"


def with_index(address):
    """Variables of a device that knows this index alone."""
    return f"PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL={address}"


@pytest.fixture
def few_packages(monkeypatch, tmp_path):
    monkeypatch.setattr(provision, "versions_here", lambda: {"numpy": "1.26.4"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache here"))


@pytest.mark.slow
def test_a_device_without_an_index_gets_its_runtimes_from_here(
    start_far, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache here"))
    far = start_far(with_index(UNREACHABLE))
    assert far.bench() == 0
    assert "pushing numpy-" in capsys.readouterr().err
    (row,) = far.rows()
    assert row.result.error is None and row.accuracy.images == 30
    assert far.is_free() and far.is_whole()
    assert far.bench() == 0
    assert "pushing" not in capsys.readouterr().err


@pytest.mark.slow
def test_no_index_on_either_side(start_far, few_packages, capsys, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", UNREACHABLE)
    monkeypatch.setattr(
        "bench.devices.provision.pip_here.TIMEOUTS", ("--timeout", "1", "--retries", "0")
    )
    far = start_far(with_index(UNREACHABLE))
    assert far.bench() == 3
    line = error_line(capsys)
    assert "no numpy for Python 3.11 on x86_64 is available here" in line
    assert line.endswith("; connect this machine to a package index")
    assert far.rows() == [] and far.is_free() and far.is_whole()


def test_ctrl_c_while_pip_works_there(start_far, few_packages, capsys):
    """Its index accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        far = start_far(with_index(f"http://127.0.0.1:{silent.getsockname()[1]}/simple"))
        at_once(lambda: running("pip\0index"), far.interrupt)
        assert far.bench() == 130
        assert far.is_free() and far.is_whole()
