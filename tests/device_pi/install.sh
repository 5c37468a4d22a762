#!/bin/sh
# The Debian packages that the emulated Pi and the tests of the lease agent want here.
exec sh "$(dirname "$0")/../../android_harness/packages.sh" mmdebstrap qemu-user-static \
    openssh-server openssh-client dropbear-bin debian-archive-keyring faketime busybox
