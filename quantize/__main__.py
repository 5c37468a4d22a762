"""``mobilenet-quantize``, the command of ``make quantize``."""

import sys
from collections.abc import Sequence

from models.command_line import starting


def main(argv: Sequence[str]) -> int:
    """Print the calibration report that ``argv`` asks for; the exit code."""
    from quantize import calibrate

    return calibrate.main(argv)


def script() -> int:
    """The program of ``mobilenet-quantize``."""
    return starting.run(main, "quantize.calibrate")


if __name__ == "__main__":
    sys.exit(script())
