#!/bin/sh
# sh packages.sh PACKAGE...: these Debian packages, installed as far as they are not here yet. Where
# they cannot be it says so, and no more: what needs them says what it needs, tests are skipped.
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
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}
# One that is not to be had keeps the others from being installed with it.
apt-get update -qq && install $missing 2>/dev/null || for package in $missing; do
    install "$package" || echo "note: cannot be installed: $package" >&2
done
[ -z "$made" ] || rm -f "$made"
