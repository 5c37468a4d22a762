"""This machine under other names: devices that run real runners and can be made to fail."""

from dataclasses import replace
from pathlib import Path

from bench.devices.host import RUNNER, Host
from bench.devices.open_devices import OPENED_BY
from bench.devices.runner_archive import archive, sources
from models.command_line.errors import DeviceError

STEP_MORE = (
    "integers.astype(np.float32) - zero_point)",
    "integers.astype(np.float32) - zero_point + 1)",
)


class Board(Host):
    """A device to be entered. ``unreachable``: it cannot be. ``environment_has``: what it says of
    itself beside what this machine is."""

    def __init__(self, name="pi4", runner=RUNNER, unreachable="", environment_has=None):
        super().__init__(runner)
        self.name, self.unreachable, self.environment_has = name, unreachable, environment_has or {}
        self.is_open, self.jobs = False, []

    def __enter__(self):
        if self.unreachable:
            raise DeviceError(self.unreachable)
        self.is_open = True
        return self

    def __exit__(self, *_):
        self.is_open = False

    def environment(self):
        return replace(super().environment(), **self.environment_has)

    def start(self, job):
        assert self.is_open
        self.jobs.append(job)
        return super().start(job)


def written(monkeypatch, *boards):
    """devices.toml in this folder with ``boards``, which DEVICE can name from now on."""
    of_name = {board.name: board for board in boards}
    monkeypatch.setitem(OPENED_BY, "ssh", lambda settings: of_name[settings.name])
    table = '["{}"]\ntransport = "ssh"\nhost = "pi@nowhere"\n'
    names = (name.replace('"', '\\"') for name in of_name)
    Path("devices.toml").write_text("".join(map(table.format, names)))
    return list(boards)


def runner_with(folder, *replaced):
    """The runner's archive with texts of its files replaced, each (old, new)."""
    named = {name: content.decode() for name, content in sources().items()}
    for old, new in replaced:
        (name,) = [name for name, text in named.items() if old in text]
        assert named[name].count(old) == 1
        named[name] = named[name].replace(old, new)
    path = folder / f"runner-{len(list(folder.glob('runner-*')))}.pyz"
    path.write_bytes(archive({name: text.encode() for name, text in named.items()}))
    return path
