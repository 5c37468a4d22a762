#!/bin/sh
# Leases a device to one bench, and ends there whatever that bench leaves running.
#
#   sh lease_agent.sh CACHE TIMEOUT_S OWNER [SHARED]
#
# A POSIX shell and the programs below: what a Linux board and an Android phone have both. It reads
# lines and answers in lines that begin with "lease ":
#
#   (at once)   left SINCE_UTC OWNER        another bench is gone without a goodbye
#               ended NAME PROCESSES LEFT   what still ran there: ended, and could not be ended
#               unwritten WHY               the lock holds, but does not name its owner
#               locked                      the device is OWNER's from here on
#               busy AGE_S SINCE_UTC OWNER  somebody else has it ("-": not known); exit code 4
#   beat        nothing to do, but the connection is there
#   end NAME    ended NAME PROCESSES LEFT
#   bye         ended ... of everything, released; exit code 0
#
#   failed WHY  it cannot hold the lock, or was asked nonsense; exit code 3
#
# When its input ends, or no line has come for TIMEOUT_S, it ends everything and exits with 5.
# CACHE/lock stays locked (flock) just as long as the agent, or the watchdog that it starts, lives.
# So does the file SHARED, where there is one: each account of a device has a cache of its own, but
# all can read that file, and a lock takes no more; nothing is made that another account could have
# put something else in the place of.
# Signals do not end it: they might come in the middle of a kill. Where the agent itself is killed,
# its watchdog ends what runs within a sixth of TIMEOUT_S.
#
# CACHE/running/NAME is a symbolic link to "SESSION BOOT": a session of processes, in that boot. All
# of them are ended with SIGKILL if one has CACHE/running/NAME or a file of CACHE/files on its
# command line; otherwise the id is somebody else's by now. The folder has this name only while the
# lock is held, and is called "ended" before and after: then nothing starts any more.
#
# No answer depends on the wall clock: a Pi has none of its own, and it jumps when NTP answers.

trap '' HUP INT TERM PIPE USR1
LC_ALL=C
export LC_ALL
cache=$1 timeout_s=$2 owner=$3 shared=$4
lock=$cache/lock running=$cache/running ended=$cache/ended
mark=$(printf '\001')
tries_to_kill=40 tries_to_name_the_holder=20
programs='flock cat sed cut head xargs readlink mkdir mv rm sleep date'

say() {
    printf 'lease %s\n' "$*" 2> /dev/null
}

fail() {
    set -f
    say failed $*
    exit 3
}

# The ids of the living processes of session $1. One whose first thread has ended looks dead, too.
members() {
    cat /proc/[0-9]*/stat 2> /dev/null | sed -n \
        -e "s/^\([0-9]*\) (.*) \(.\) [-0-9]* [-0-9]* $1 \([-0-9]* \)\{13\}\([0-9]*\) .*/\2\4 \1/" \
        -e 's/^[ZX][01] .*//' -e 's/^[A-Za-z][0-9]* \([0-9]*\)$/\1/p'
}

# Whether one of the processes $2... belongs to the program that was started as $1.
is_ours() {
    entry=$1
    shift
    for pid; do
        words=$(xargs -0 printf '\001%s\001' 2> /dev/null < "/proc/$pid/cmdline") 2> /dev/null
        case $words in *"$mark$entry$mark"* | *"$mark$cache/files/"*) return 0 ;; esac
    done
    return 1
}

# Kill the session that entry $2 of folder $1 names, and what it forks meanwhile, and say so. Never
# the agent's own session, where a server gives it and the program only one, nor 0, the kernel's.
end() {
    found=' ' left='' tries=0 session=$(readlink "$1/$2")
    [ "$session" = "${session%% *} $boot" ] && session=${session%% *} || session=''
    case $session in *[!0-9]*) session='' ;; esac
    if [ "$session" ]; then
        left=$(members "$session")
        is_ours "$running/$2" $left || left=''
    fi
    while [ "$left" ]; do
        for pid in $left; do
            case $found in *" $pid "*) ;; *) found="$found$pid " ;; esac
        done
        [ $tries -lt $tries_to_kill ] || break
        case $session in 0 | "$own_session") break ;; esac
        kill -KILL $left 2> /dev/null
        sleep 0.05
        tries=$((tries + 1)) left=$(members "$session")
    done
    [ "$left" ] || rm -f "$1/$2"
    say ended "$2" $(($(count $found) - $(count $left))) "$(count $left)"
}

count() {
    echo $#
}

end_all() {
    for path in "$1"/*; do
        [ -L "$path" ] || [ -e "$path" ] || continue
        end "$1" "${path##*/}"
    done
}

# Let nothing start any more, and end everything.
close_running() {
    if [ -d "$running" ]; then
        if [ -d "$ended" ]; then
            end_all "$ended"
            rm -rf "$ended"
        fi
        mv "$running" "$ended"
    fi
    [ ! -d "$ended" ] || end_all "$ended"
}

# The record of the lock, a line each: whose, since when, seconds after which boot, whose process.
read_record() {
    { record=$(head -c 4096 "$lock"); } 2> /dev/null
    set -f
    IFS='
'
    set -- $record
    unset IFS
    set +f
    holder=$1 since=$2 since_uptime=$3 holder_boot=$4 holder_pid=$5
    case $since_uptime,$holder_pid in *[!0-9,]* | ,* | *,) holder='' ;; esac
}

take_lock() {
    tries=0
    until why=$(flock -n 8 8<&9 2>&1); do
        case $why in
        *flock:*) fail "$lock cannot be locked ($why); set cache in devices.toml to a folder \
on a disk of the device" ;;
        esac
        read_record
        if [ "$holder" ] && [ "$holder_boot" = "$boot" ] && [ -d "/proc/$holder_pid" ]; then
            say busy $((uptime - since_uptime)) "$since" "$holder"
            exit 4
        fi
        if [ $tries -ge $tries_to_name_the_holder ]; then
            say busy - - -  # it has not written yet, or cannot
            exit 4
        fi
        sleep 0.1
        tries=$((tries + 1))
    done
}

take_shared() {
    [ "$shared" ] && [ -r "$shared" ] || return
    exec 7< "$shared"
    tries=0
    until why=$(flock -n 8 8<&7 2>&1); do
        # A board that boots over a network: NFS locks nothing that is open for reading alone.
        case $why in *flock:*) return ;; esac
        holder=$(other_account)
        if [ "$holder" ] || [ $tries -ge $tries_to_name_the_holder ]; then
            say busy - - "${holder:--}"
            exit 4
        fi
        sleep 0.1
        tries=$((tries + 1))
    done
}

# The owner that another agent was started for, whose record this account may not be allowed to
# read.
other_account() {
    for path in /proc/[0-9]*/cmdline; do
        words=$(xargs -0 printf '\001%s\001' 2> /dev/null < "$path") 2> /dev/null
        case $words in
        *"$mark$owner$mark"*) ;;
        *"$mark$mark$shared$mark")
            words=${words%"$mark$mark$shared$mark"}
            printf '%s' "${words##*"$mark"}"
            return
            ;;
        esac
    done
}

# Not emptied first: so a full disk lends the block that the file has had before.
write_record() {
    printf '%s\n' "$owner" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$uptime" "$boot" $$ 1<> "$lock"
}

# Ends everything where the agent has been silent for five sixths of the limit, or was killed.
watch() {
    trap 'heard=1' USR1
    trap 'kill -KILL $sleeper; exit' USR2
    heard='' missed=0
    while [ $missed -lt 5 ] && kill -0 $$ 2> /dev/null; do
        sleep "$tick_s" 7<&- 9>&- &
        sleeper=$!
        while kill -0 $sleeper 2> /dev/null; do wait $sleeper; done
        missed=$((missed + 1))
        [ ! "$heard" ] || missed=0
        heard=''
    done
    kill -KILL $$
    close_running
}

# Do what the lines say; whether the last one was a goodbye.
serve() {
    while read -r word name; do
        kill -USR1 $watchdog
        case $word in
        beat) ;;
        bye) return 0 ;;
        end)
            case $name in '' | */*) refuse "end $name" ;; esac
            end "$running" "$name"
            ;;
        *) refuse "$word $name" ;;
        esac
    done
    return 1
}

refuse() {
    kill -USR2 $watchdog
    close_running > /dev/null
    fail "'$1' is nothing to ask; expected beat, end NAME or bye"
}

case $#,$owner in 3,?* | 4,?*) ;; *) fail "expected CACHE TIMEOUT_S OWNER" ;; esac
for program in $programs; do
    command -v "$program" > /dev/null ||
        fail "$program is not there; install what has it, in a Debian: sudo apt install util-linux \
coreutils findutils sed"
done
[ -r /proc/uptime ] || fail "/proc is not mounted there; run there: sudo mount -t proc proc /proc"
read -r boot < /proc/sys/kernel/random/boot_id
read -r uptime _ < /proc/uptime
uptime=${uptime%%.*}
why=$(mkdir -p "$cache" 2>&1) || fail "$why"
why=$( (exec 9<> "$lock") 2>&1) || fail "$why"
exec 9<> "$lock"
take_lock
take_shared
own_session=$(cut -d ' ' -f 6 "/proc/$$/stat")
# Sixths, of which five are waited for: heartbeats come as often.
tick_s=$((timeout_s * 1000 / 6)) tick_s=$((tick_s / 1000)).$(printf %03d $((tick_s % 1000)))
read_record
[ ! "$holder" ] || [ "$holder" = "$owner" ] || say left "$since" "$holder"
[ -d "$running" ] || [ -d "$ended" ] || why=$(mkdir "$ended" 2>&1) || fail "$why"
close_running
why=$(mv "$ended" "$running" 2>&1) || fail "$why"
why=$(write_record 2>&1) || say unwritten "${why:-no room}"
watch < /dev/null > /dev/null 2>&1 &
watchdog=$!
say locked
serve
is_released=$?
kill -USR2 $watchdog
close_running
[ $is_released -eq 0 ] || exit 5
: > "$lock"
say released
