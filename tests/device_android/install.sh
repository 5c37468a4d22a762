#!/bin/sh
# The Debian packages that the emulated phone, what runs on it and the tests of a phone's shell want
# here.
exec sh "$(dirname "$0")/../../android_harness/install.sh" mmdebstrap qemu-user-static \
    debian-archive-keyring mksh toybox
