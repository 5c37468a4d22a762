"""``python tests/device_android --here FOLDER``: the daemon alone, with this machine's shell."""

import argparse
import signal
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def main() -> int:
    """Prints how to reach the daemon, which is there until Ctrl-C."""
    if not __package__:
        sys.path[0] = str(TESTS)
    from device_android.adbd import Adbd
    from device_android.shell_service import Shell

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", metavar="FOLDER", required=True, help="where programs start")
    asked = parser.parse_args()
    # SIGTERM ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Adbd(Shell(folder=asked.here)) as daemon:
        print(f"adb connect {daemon.serial}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
