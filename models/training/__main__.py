"""The command of ``make train``."""

import sys
from collections.abc import Sequence

from models.command_line import starting


def main(argv: Sequence[str]) -> int:
    """Train and store the demo checkpoint that ``argv`` names; the exit code."""
    from models.training import train

    return train.main(argv)


if __name__ == "__main__":
    sys.exit(starting.run(main, "models.training.train"))
