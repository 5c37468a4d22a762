"""``python tests/device_pi``: a device to try things on by hand, until Ctrl-C."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def main() -> int:
    """Prints how to reach the device; 3 where it cannot be made or ends by itself."""
    if not __package__:
        sys.path[0] = str(TESTS)
    sys.path.append(str(TESTS.parent))
    from arm64.missing import CannotEmulate
    from arm64.processor import PROCESSORS

    from device_pi.emulated_pi import EmulatedPi
    from device_pi.settings import Settings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--internet", action="store_true", help="a network, and pip set up for it")
    parser.add_argument(
        "--cpu", choices=PROCESSORS, default=Settings.cpu, help="its processor (%(default)s)"
    )
    asked = parser.parse_args()
    # SIGTERM ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with EmulatedPi(internet=asked.internet, cpu=asked.cpu) as pi:
            print(shlex.join(pi.ssh_command()), flush=True)
            print("the device is there until Ctrl-C", file=sys.stderr)
            pi.wait()
            print("error: the device has ended", file=sys.stderr)
    except CannotEmulate as reason:
        print(f"error: {reason}", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    return 3


if __name__ == "__main__":
    sys.exit(main())
