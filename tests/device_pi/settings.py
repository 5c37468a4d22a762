"""Settings of an emulated Pi."""

from dataclasses import dataclass

from arm64 import settings

USER, USER_ID = "pi", 1000
DEVICE = "emulated Pi"


@dataclass(frozen=True)
class Settings(settings.Settings):
    """arm64.settings.Settings with what is the same for every emulated Pi; ``state`` holds the
    keys and the log."""

    device: str = DEVICE
    init: str = "device_pi.init"
    user_id: int = USER_ID
