"""The command of ``make native`` and ``make android``."""

import sys
from collections.abc import Sequence

from models.command_line import starting


def main(argv: Sequence[str]) -> int:
    """Build the native runner that ``argv`` asks for; the exit code."""
    from bench.devices.native import build

    return build.main(argv)


if __name__ == "__main__":
    sys.exit(starting.run(main, "bench.devices.native.build"))
