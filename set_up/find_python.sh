#!/bin/sh
# Print the name of a Python to set up with: $1 where that is given, otherwise the newest of the
# versions that constraints/ has. Exit code 2 and one line where there is none.
cd "$(dirname "$0")/.." || exit 2

versions= # newest first
for file in constraints/*.txt; do
    version=${file##*/}
    versions="${version%.txt} $versions"
done
wanted=$(echo $versions | sed 's/ /, /g; s/\(.*\), /\1 or /')

# Prints the version of the Python called $1, and fails where it lacks what makes environments.
# It is run, not only looked for: pyenv leaves names that lead nowhere.
probe() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2]); import ensurepip, venv' 2>/dev/null
}

refuse() {
    echo "error: $1" >&2
    exit 2
}

no_venv() {
    refuse "$1 (Python $2) cannot make environments, which Debian and Ubuntu have in a package of \
their own: sudo apt install python$2-venv"
}

if [ -n "${1-}" ]; then
    version=$(probe "$1")
    has_venv=$?
    [ -n "$version" ] || refuse "PYTHON=$1 does not run; expected the name or path of a Python $wanted"
    case " $versions " in
        *" $version "*) ;;
        *) refuse "PYTHON=$1 is Python $version; expected a Python $wanted" ;;
    esac
    [ $has_venv = 0 ] || no_venv "$1" "$version"
    echo "$1"
    exit
fi

without_venv=
for version in $versions; do
    for name in "python$version" python3 python; do
        [ "$(probe $name)" = "$version" ] || continue
        if probe $name >/dev/null; then
            echo $name
            exit
        fi
        without_venv=${without_venv:-$name $version}
    done
done
[ -z "$without_venv" ] || no_venv $without_venv
refuse "no Python $wanted that runs; install one: on Debian, Raspberry Pi OS and Ubuntu 24.04: \
sudo apt install python3 python3-venv; on Ubuntu 22.04: sudo apt install python3.11 \
python3.11-venv; on macOS: brew install python@3.13; one that is elsewhere: make \
PYTHON=/path/to/python3"
