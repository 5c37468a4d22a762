#!/bin/sh
# sh install.sh [PACKAGE...]: the Debian packages that build the native runner and reach phones, and
# others beside them.
exec sh "$(dirname "$0")/packages.sh" adb cmake g++ g++-aarch64-linux-gnu ninja-build "$@"
