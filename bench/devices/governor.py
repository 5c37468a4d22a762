"""The frequency governor of a device, set for as long as something is measured there."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.devices.temporary_setting import TemporarySetting
from models.command_line.errors import DeviceError, RequestError

ANSWER_S = 60.0
# A program on the device sets the governor and waits: whatever ends this side, or the connection,
# ends its standard input, and it puts the former governors back. It ignores the signals that a
# terminal or a lost connection would send.
HOLD = r"""
trap '' HUP INT TERM
wanted=$1 root=$2 former='' known=
is_off() {  # what such a core still tells is old, and what is written there refused
    online=
    [ -r "${1%/cpufreq/*}/online" ] && read -r online < "${1%/cpufreq/*}/online"
    [ "$online" = 0 ]
}
may_set() { [ -w "$1" ] || ! command -v getprop > /dev/null; }
write() {
    if [ -w "$2" ]; then printf '%s\n' "$1" > "$2"
    else printf '%s\n' "$1" | sudo -n tee "$2" > /dev/null; fi
}
put_back() {
    printf '%s' "$former" | {
        failed=0
        while read -r was file; do write "$was" "$file" || failed=1; done
        return $failed
    }
}
give_up() { put_back; back=$?; echo "$@"; exit $back; }
for file in "$root"/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
    is_off "$file" && continue
    read -r was 2> /dev/null < "$file" || continue
    former="$former$was $file
"
    read -r known 2> /dev/null < "${file%/*}/scaling_available_governors"
done
[ "$former" ] || give_up none
case " ${known:-$wanted} " in *" $wanted "*) ;; *) give_up unknown "$known";; esac
for file in "$root"/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
    is_off "$file" && continue
    read -r was 2> /dev/null < "$file" || continue
    may_set "$file" || give_up android
    write "$wanted" "$file" || give_up refused
    read -r now < "$file"
    [ "$now" = "$wanted" ] || give_up kept "$now"
done
echo set
cat > /dev/null
put_back
"""


@contextmanager
def governed(
    start: Callable[[Sequence[str]], subprocess.Popen],
    device: str,
    governor: str,
    note: Callable[[str], None],
    root: str = "/sys",
) -> Iterator[None]:
    """Put all cores of ``device`` under ``governor`` until the block ends, then each under its
    former one again; "" changes nothing.

    ``start`` starts a program there, its pipes ours. RequestError where the device has no such
    governor; DeviceError where it does not let this user set one. ``note`` is told where it is not
    certain that the former ones are back.
    """
    if not governor:
        yield
        return
    holding = TemporarySetting(start(["sh", "-c", HOLD, "sh", governor, root]), ANSWER_S)
    try:
        _check(device, governor, holding)
        yield
    finally:
        if not holding.let_go(ANSWER_S):
            note(f"{device}: its former governor may not be back; a reboot brings it back")


def _check(device: str, governor: str, holding: TemporarySetting) -> None:
    """Wait until the governor is set; the error that says why it is not."""
    reply, _, more = holding.first_line().partition(" ")
    if reply == "set":
        return
    if reply == "none":
        raise DeviceError(
            f"{device} has no frequency governor to set (a virtual machine has none); leave "
            "GOVERNOR out"
        )
    if reply == "android":
        raise DeviceError(
            f"{device} is a phone, whose frequency governor only root may set; leave GOVERNOR out: "
            "the record has the clocks"
        )
    if reply == "unknown":
        raise RequestError(f"GOVERNOR is {governor!r}; {device} has: {more}; expected one of these")
    why = f"it stayed {more}" if reply == "kept" else holding.last_words()
    raise DeviceError(
        f"{device} does not let its governor be set to {governor} ({why}); let sudo work there "
        f"without a password, or run there: echo {governor} | sudo tee "
        "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    )
