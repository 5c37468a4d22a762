"""``python tests/device_android``: a phone to try things on by hand, until Ctrl-C."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def main() -> int:
    """Prints how to reach the phone; 3 where it cannot be made or ends by itself."""
    if not __package__:
        sys.path[0] = str(TESTS)
    sys.path.append(str(TESTS.parent))
    from arm64.missing import CannotEmulate

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--here", metavar="FOLDER", help="the daemon alone; this machine's programs start there"
    )
    asked = parser.parse_args()
    # SIGTERM ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return be_daemon(asked.here) if asked.here else be_phone()
    except CannotEmulate as reason:
        print(f"error: {reason}", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    return 3


def be_daemon(folder: str) -> int:
    """Only the protocol: no root is needed, and the user's own adb server is used."""
    from device_android.adbd import Adbd
    from device_android.shell_service import Shell

    with Adbd(Shell(folder=folder)) as daemon:
        print(f"adb connect {daemon.serial}", flush=True)
        signal.pause()
    return 0


def be_phone() -> int:
    """The command that is printed talks to the phone's own adb server."""
    from device_android.emulated_phone import EmulatedPhone

    with EmulatedPhone() as phone:
        variables = [f"{name}={value}" for name, value in phone.environment.items()]
        print(shlex.join(["env", *variables, "adb", "-s", phone.serial, "shell", "-T"]), flush=True)
        print("the phone is there until Ctrl-C", file=sys.stderr)
        phone.wait()
        print("error: the phone has ended", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
