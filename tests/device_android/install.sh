#!/bin/sh
# The Debian packages that the emulated phone wants here.
exec sh "$(dirname "$0")/../arm64/install.sh" mmdebstrap qemu-user-static debian-archive-keyring adb
