"""Entry point of the runner, in the archive on a device as in this folder on the host."""

import sys

from bench.on_device.runner import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
