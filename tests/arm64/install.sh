#!/bin/sh
# sh install.sh PACKAGE...: the Debian packages that an emulated device and its tests want here.
# Where they cannot be installed it says so, and the tests that need them are skipped.
missing=
for package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "note: not installed, without root and apt-get:$missing" >&2
    exit 0
fi
echo "installing$missing" >&2
# A server that starts by itself would be reachable from outside; ours are started by the tests.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    made=$policy
fi
(apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing) \
    >/dev/null || echo "note: cannot be installed:$missing" >&2
[ -z "$made" ] || rm -f "$made"
