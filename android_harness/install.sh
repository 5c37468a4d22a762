#!/bin/sh
# The Debian packages that build the native runner and reach phones. Where they cannot be installed
# it says so, and what needs them says what it needs.
packages='adb cmake g++ g++-aarch64-linux-gnu ninja-build'
missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "note: not installed, without root and apt-get:$missing" >&2
    exit 0
fi
echo "installing$missing" >&2
(apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing) \
    >/dev/null || echo "note: cannot be installed:$missing" >&2
