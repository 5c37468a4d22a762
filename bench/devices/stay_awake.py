"""A phone kept from sleeping for as long as something is measured there."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath

from bench.devices.temporary_setting import TemporarySetting

ANSWER_S, BACK_S = 30.0, 15.0
# $1: a file that says what was before, and who puts it back; $2: a folder that is there as long as
# the phone is ours. A program there waits for the end of its input, or for the folder to go: so a
# broken connection puts everything back too. One that comes after another, which was killed or is
# not done yet, ends that one and takes over what it knew. Background jobs have no standard input in
# a shell, hence 3.
HOLD = r"""
trap '' HUP INT TERM
file=$1 ours=$2 failed_steps=
screen=stay_on_while_plugged_in
put_back() {
    failed=0
    if [ "$stay" = null ]; then settings delete global $screen > /dev/null || failed=1
    else settings put global $screen "$stay" || failed=1; fi
    if [ "$idle" = 1 ]; then dumpsys deviceidle enable all > /dev/null || failed=1; fi
    [ $failed = 1 ] || rm -f "$file"
    return $failed
}
if read -r pid idle stay 2> /dev/null < "$file"; then
    case $(tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline") in *"$file"*) kill -9 "$pid";; esac
else
    stay=$(settings get global $screen) || exit 1
    idle=$(dumpsys deviceidle enabled all)
fi
echo "$$ ${idle:-0} ${stay:-null}" > "$file" || exit 1
settings put global $screen 7 || failed_steps="$failed_steps screen"
input keyevent KEYCODE_WAKEUP || failed_steps="$failed_steps screen"
dumpsys deviceidle disable all > /dev/null || failed_steps="$failed_steps doze"
echo "set$failed_steps"
exec 3<&0
cat <&3 > /dev/null &
reader=$!
while kill -0 $reader 2> /dev/null && [ -d "$ours" ]; do sleep 1; done
kill $reader 2> /dev/null
put_back
"""


@contextmanager
def stay_awake(
    start: Callable[[Sequence[str]], subprocess.Popen],
    phone: str,
    cache: PurePosixPath,
    note: Callable[[str], None],
) -> Iterator[None]:
    """The screen of ``phone`` on while it is plugged in, and no doze, until the block ends; then as
    before. The lock of ``cache`` must be acquired.

    ``start`` starts a program there, its pipes ours. ``note`` is told what a phone does not allow,
    and where it is not certain that all is as before: neither keeps it from being measured.
    """
    words = ["sh", "-c", HOLD, "sh", str(cache / "awake"), str(cache / "running")]
    holding = TemporarySetting(start(words), ANSWER_S)
    try:
        first, *refused = holding.first_line().split() or [""]
        if first != "set":
            note(f"{phone}: it may fall asleep while it is measured: {holding.last_words()}")
        elif refused:
            note(f"{phone}: does not let its {' and '.join(sorted(set(refused)))} be kept on")
        yield
    finally:
        if not holding.let_go(BACK_S):
            note(
                f"{phone}: its screen may stay on while it is charged; the next bench there puts "
                "that back, or Settings, Developer options, Stay awake"
            )
