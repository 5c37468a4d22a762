"""Entry point of the runner, in the archive on a device as in this folder on the host."""

import sys

if __name__ == "__main__":
    packages = []
    while sys.argv[1:2] == ["--packages"]:
        packages.append(sys.argv[2])
        del sys.argv[1:3]
    # Where PYTHONPATH would stand, which -I does not heed.
    sys.path[1:1] = packages
    from bench.on_device.runner import main

    sys.exit(main(sys.argv[1:], packages))
