"""Paths for the processes that run a device, on a /run of their own."""

from pathlib import Path

BASE = Path("/run/device")
LOWER = BASE / "lower"
DISK = BASE / "disk"
ROOT = BASE / "root"
STATE = BASE / "state"
BINARY_FORMATS = BASE / "binfmt_misc"
