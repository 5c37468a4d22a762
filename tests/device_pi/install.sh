#!/bin/sh
# The Debian packages that the emulated Pi and the tests of the lease agent want here, and the shells
# and servers that other people's devices have.
exec sh "$(dirname "$0")/../../android_harness/packages.sh" mmdebstrap qemu-user-static \
    openssh-server openssh-client dropbear-bin debian-archive-keyring faketime busybox \
    tcsh csh fish zsh mksh
