"""Settings of a device, handed from the test to the process that makes it."""

import json
from dataclasses import asdict, dataclass, field

from arm64.processor import PROCESSORS


@dataclass(frozen=True)
class Settings:
    """``root`` is the cached Debian root, ``state`` a folder that goes with the device.

    ``device`` is what to call it, ``init`` the module that is its first process, started as
    ``python -m INIT LISTENER_FD CPU``; ``user_id`` owns the small disks. ``disk_mib`` bounds all
    that is written, ``small_disks_mib`` what is written below a path of the device. ``cpu`` is a
    key of arm64.processor.PROCESSORS. Without ``internet`` the device has no network.
    """

    root: str
    state: str
    device: str
    init: str
    user_id: int
    internet: bool = False
    cpu: str = "cortex-a72"
    disk_mib: int = 8192
    small_disks_mib: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cpu not in PROCESSORS:
            raise ValueError(f"cpu is {self.cpu!r}; expected one of: {' '.join(PROCESSORS)}")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Settings":
        return Settings(**json.loads(text))
