"""``bench run --device pi`` as a user types it, where the device cannot be had or used."""

import pytest
from far_project import error_line
from loopback_sshd import free_port, make_key


def test_it_measures_judges_and_leaves_only_its_cache(far, capsys):
    assert far.bench() == 0
    assert "int8.tflite" in capsys.readouterr().out
    (row,) = far.rows()
    assert (row.device, row.result.error, row.accuracy.images) == ("pi", None, 30)
    assert far.is_free() and far.is_whole()
    assert [path.name for path in far.folder.iterdir() if "pi" in path.name] == ["cache of pi"]


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ({"port": "nobody's"}, "loopback refuses connections; is SSH on there?"),
        ({"host": "pi@no-such-host.invalid"}, "no-such-host.invalid is a name that nobody knows"),
        ({"host_key": "unknown"}, "host key that is not known here; type ssh -F"),
        ({"host_key": "other"}, "shows another host key than the one that line 1 of"),
        ({"user_key": "other"}, "does not let you in; type ssh -F"),
    ],
)
def test_a_device_that_cannot_be_reached(far, capsys, tmp_path, client, said):
    host = client.pop("host", "loopback")
    port = free_port() if client.pop("port", None) else None
    for name, kind in client.items():
        client[name] = make_key(tmp_path / "other") if kind == "other" else tmp_path / "none"
    far.add("pi", port, host=host, client=client)
    assert far.bench() == 3
    line = error_line(capsys)
    assert line.startswith("error: DEVICE=pi cannot be used: pi: ") and said in line
    assert not far.cache.exists() and far.rows() == [] and far.is_whole()
