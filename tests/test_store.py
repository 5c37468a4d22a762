"""Files on a device: pushed once, by what is in them; old images make room."""

import os
import time
from pathlib import Path, PurePosixPath

import pytest
from local_transport import LocalTransport

from bench.devices.file_store import FileStore
from bench.measurement.result import ConnectionLost

pytestmark = pytest.mark.waits


class Counted(LocalTransport):
    """Remembers what was pushed."""

    def __init__(self):
        super().__init__()
        self.pushed = []

    def put(self, local, remote, show):
        super().put(local, remote, show)
        self.pushed.append(local.name)


def quiet(doing, done=0, total=None):
    pass


@pytest.fixture(params=["cache", "a 'b' \"c\" $(touch x) ; `d`\n-e"])
def connection(tmp_path, request, monkeypatch):
    """A transport and a store on it, in a folder of an easy and of a difficult name."""
    monkeypatch.chdir(tmp_path)
    transport = Counted()
    transport.connect()
    store = FileStore(transport, PurePosixPath(tmp_path) / request.param)
    store.make_folder()
    return transport, store


def written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def again(connection):
    """A later bench's store of the same device."""
    transport, store = connection
    return FileStore(transport, store.folder.parent)


def test_a_file_is_pushed_once_whatever_it_is_called(connection, tmp_path):
    transport, store = connection
    first = store.put(written(tmp_path, "a.tflite", b"one"), quiet)
    assert Path(first).read_bytes() == b"one"
    assert again(connection).put(written(tmp_path, "b.tflite", b"one"), quiet) == first
    assert again(connection).put(written(tmp_path, "a.tflite", b"two"), quiet) != first
    assert transport.pushed == ["a.tflite", "a.tflite"]
    assert not (tmp_path / "x").exists()


def test_what_is_removed_is_pushed_again_when_it_is_wanted(connection, tmp_path):
    path = written(tmp_path, "six.whl", b"w")
    name = connection[1].put(path, quiet)
    connection[1].remove([name])
    assert not Path(name).exists()
    assert connection[1].put(path, quiet) == name and Path(name).read_bytes() == b"w"
    assert connection[0].pushed == ["six.whl", "six.whl"]


def test_a_file_that_lost_its_end_is_pushed_again(connection, tmp_path):
    path = written(tmp_path, "a.onnx", b"content")
    remote = Path(connection[1].put(path, quiet))
    remote.write_bytes(b"cont")
    again(connection).put(path, quiet)
    assert remote.read_bytes() == b"content" and len(connection[0].pushed) == 2


def test_pushing_goes_on_where_the_line_broke(connection, tmp_path, monkeypatch):
    transport, store = connection
    paths = [written(tmp_path, f"{n}.npy", bytes([n])) for n in range(4)]
    put = Counted.put

    def breaking(self, local, remote, show):
        if local.name == "2.npy":
            self.cut()
        put(self, local, remote, show)

    monkeypatch.setattr(Counted, "put", breaking)
    with pytest.raises(ConnectionLost):
        store.put_all(paths, quiet)
    monkeypatch.setattr(Counted, "put", put)
    transport.connect()
    names = again(connection).put_all(paths, quiet)
    assert transport.pushed == ["0.npy", "1.npy", "2.npy", "3.npy"]
    assert [Path(name).read_bytes() for name in names] == [bytes([n]) for n in range(4)]


def test_images_that_were_not_used_for_longest_make_room(connection, tmp_path):
    transport, store = connection
    old = [written(tmp_path, f"{n}.npy", bytes([n]) * 10) for n in range(4)]
    kept = written(tmp_path, "model.tflite", b"m" * 50)
    names = store.put_all([*old, kept], quiet)
    for age, name in enumerate(names):
        os.utime(name, (time.time() - 1000 + age,) * 2)
    small = FileStore(transport, store.folder.parent, shards_bytes=30)
    new = [written(tmp_path, f"new{n}.npy", bytes([100 + n]) * 10) for n in range(1)]
    made = small.put_all([old[0], *new], quiet)
    remote = {Path(name) for name in Path(store.folder).iterdir()}
    # 30 bytes hold three: the one that is asked for again, the youngest of the others, the new one.
    assert remote == {Path(n) for n in (names[0], names[3], names[4], made[1])}


def test_images_of_one_call_are_all_kept(connection, tmp_path):
    transport, store = connection
    small = FileStore(transport, store.folder.parent, shards_bytes=30)
    paths = [written(tmp_path, f"{n}.npy", bytes([n]) * 10) for n in range(6)]
    small.put_all(paths[:2], quiet)
    names = small.put_all(paths, quiet)
    assert all(Path(name).is_file() for name in names)
