"""The settings of an emulated phone."""

from dataclasses import dataclass

from arm64 import settings

# The user that adb's programs are, and the groups that Android gives it: input, log, sdcard_rw,
# net_bt, inet and readproc.
USER, USER_ID = "shell", 2000
GROUPS = (1004, 1007, 1015, 3002, 3003, 3009)
DEVICE = "emulated phone"
DATA = "/data/local/tmp"


@dataclass(frozen=True)
class Settings(settings.Settings):
    """arm64.settings.Settings with what is the same for every emulated phone."""

    device: str = DEVICE
    init: str = "device_android.init"
    user_id: int = USER_ID
    cpu: str = "cortex-a76"
