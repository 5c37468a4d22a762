"""Holds a device for one bench, and ends there whatever that bench leaves running.

    python -I keeper.py CACHE [SILENCE_S]

The second file of the bench, beside runner.pyz, that goes to a device: the standard library, Python
3.9 or later, Linux. It reads lines and answers in JSON, one object a line:

    {"owner": "..."}   first of all: for whom to hold CACHE/lock. Answers:
        {"event": "locked", "left_behind", "ended", "unwritten"}   left_behind: null, or {"owner",
            "since_utc"} of another bench that is gone and did not say goodbye; ended: what still
            ran there, {name: {"processes", "left"}}; unwritten: null, or why the lock, which holds
            all the same, does not name its owner
        {"event": "busy", "owner", "age_s", "since_utc"}   somebody else's keeper has it; null: not
            known; exit code 4
    beat               nothing to do, but the line is there
    end NAME           {"event": "ended", "name", "processes": how many it ended, "left": how many
                       it could not}
    bye                {"event": "released", "ended"} with everything ended; exit code 0

    {"event": "failed", "message"}   it cannot hold the lock; exit code 3

When its input ends, no line comes for SILENCE_S (30) seconds, or a signal ends it, it ends
everything and exits with 5. CACHE/lock stays locked (flock) just as long as the keeper lives.

What runs. CACHE/running/NAME is a symbolic link to "SESSION BOOT": a session of processes, in that
boot. All of them are ended with SIGKILL if one has CACHE/running/NAME or a file of CACHE/files on
its command line; otherwise the id is somebody else's by now. The folder has this name only while
the lock is held, and is called "ended" before and behind it: then nothing starts any more.

No answer depends on the wall clock: a Pi has none of its own, and it jumps when NTP answers.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time

BUSY, FAILED, LINE_GONE = 4, 3, 5
SILENCE_S = 30.0
KILL_WAIT_S = 5.0
HOLDER_WAIT_S = 2.0
POLL_S = 0.02
MAX_LINE_BYTES = 65536
MAX_RECORD_BYTES = 65536


class Refused(Exception):
    """What was asked for cannot be done; the message goes to the other end."""


class Line:
    """The lines of standard input, until they end, stay away too long, or a signal comes."""

    def __init__(self, silence_s):
        self.silence_s, self.unread = silence_s, b""
        # A signal makes the pipe readable, so that it ends a wait and never the middle of a kill.
        self.woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def next(self):
        """The next line; None where there will be no more."""
        deadline = time.monotonic() + self.silence_s
        while b"\n" not in self.unread:
            left_s = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([0, self.woken], [], [], left_s)
            if self.woken in ready or not (ready or left_s):
                return None
            if ready:
                found = os.read(0, MAX_LINE_BYTES)
                self.unread += found
                if not found or len(self.unread) > MAX_LINE_BYTES:
                    return None
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode(errors="replace").strip()


class Lock:
    """CACHE/lock: locked by the keeper that lives, and telling for whom."""

    def __init__(self, cache):
        os.makedirs(cache, exist_ok=True)
        self.file = os.open(os.path.join(cache, "lock"), os.O_RDWR | os.O_CREAT, 0o600)

    def take(self):
        """None where it is ours now; otherwise what its holder wrote, {} where that is unknown."""
        deadline = time.monotonic() + HOLDER_WAIT_S
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None
            record = self.read()
            if record["boot"] == boot_id() and os.path.exists(f"/proc/{record['pid']}"):
                return record
            if time.monotonic() > deadline:  # it has the lock, but has not written yet, or cannot
                return {}
            pause()

    def read(self):
        """What is written there; each value None where that is nothing of ours."""
        kinds = {"owner": str, "since_utc": str, "boottime_s": float, "boot": str, "pid": int}
        try:
            found = json.loads(os.pread(self.file, MAX_RECORD_BYTES, 0))
            return {key: kind(found[key]) for key, kind in kinds.items()}
        except (ValueError, KeyError, TypeError):
            return dict.fromkeys(kinds)

    def write(self, owner):
        """Say whose it is; why that cannot be said, or None."""
        record = {
            "owner": owner,
            "since_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "boottime_s": time.clock_gettime(time.CLOCK_BOOTTIME),
            "boot": boot_id(),
            "pid": os.getpid(),
        }
        text = json.dumps(record).encode()
        try:
            # In this order a full disk lends the block that the file has had before.
            os.pwrite(self.file, text, 0)
            os.ftruncate(self.file, len(text))
        except OSError as error:
            return error.strerror
        return None

    def clear(self):
        """Nobody's any more."""
        os.ftruncate(self.file, 0)


class Running:
    """CACHE/running: the sessions of processes that were started."""

    def __init__(self, cache):
        self.folder, self.closed = os.path.join(cache, "running"), os.path.join(cache, "ended")
        self.files = os.fsencode(os.path.join(cache, "files", ""))

    def open(self):
        """Let programs start; whatever an earlier keeper left running is ended before."""
        if not os.path.isdir(self.folder):
            os.makedirs(self.closed, exist_ok=True)
        ended = self.close()
        os.rename(self.closed, self.folder)
        return ended

    def close(self):
        """Let nothing start any more, and end everything; as ``end`` says."""
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.folder, self.closed)
        return self.end(os.listdir(self.closed), self.closed) if os.path.isdir(self.closed) else {}

    def end(self, names, folder=None):
        """Kill the sessions that ``folder`` has under these names, that of what runs if None:
        {name: {"processes": how many it ended, "left": how many it could not}}."""
        folder = folder or self.folder
        sessions = {name: self.session(folder, name) for name in names}
        found, left = kill(set(sessions.values()) - {None})
        ended = {}
        for name, session in sessions.items():
            there = list(left.values()).count(session)
            ended[name] = {"processes": list(found.values()).count(session) - there, "left": there}
            if not there:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))
        return ended

    def session(self, folder, name):
        """The id of the session, if it is still ours; None where there is none of that name."""
        try:
            session, boot = os.readlink(os.path.join(folder, name)).split(" ")
            session = int(session)
        except (OSError, ValueError):
            return None
        entry = os.fsencode(os.path.join(self.folder, name))  # as it was started
        words = [word for pid in members({session}) for word in command_line(pid)]
        is_ours = any(word == entry or word.startswith(self.files) for word in words)
        return session if is_ours and boot == boot_id() else None


def kill(sessions):
    """SIGKILL to all processes of ``sessions``, and to what they fork meanwhile, until none is
    left or waiting is no use; {pid: session} of all that were there, and of those left.

    Never to this keeper's own session, where a server gives it and what it watches only one, nor
    to 0, which is the kernel's: they would take the line, or the machine, with them.
    """
    deadline, spared = time.monotonic() + KILL_WAIT_S, {0, os.getsid(0)}
    found = members(sessions)
    while True:
        left = members(sessions - spared)
        found.update(left)
        if not left or time.monotonic() > deadline:
            return found, members(sessions)
        for pid in left:
            # Gone already, or another user's, which shows in what is left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        pause()


def members(sessions):
    """{pid: session} of the living processes of ``sessions``, without this one."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended since, or is another user's and hidden from us
        state, session, threads = fields[0], int(fields[3]), int(fields[17])
        # A process whose first thread has ended looks dead, too.
        is_alive = state not in (b"Z", b"X") or threads > 1
        if session in sessions and is_alive and int(name) != os.getpid():
            found[int(name)] = session
    return found


def command_line(pid):
    """The words that the process was started with; none once it has ended, or where hidden."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def pause():
    """A moment; time.sleep fails under libfaketime, with which this file is tested."""
    select.select([], [], [], POLL_S)


def boot_id():
    """What is another after each boot."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def tell(event, **values):
    """An answer, to whoever still listens: whether the line has gone is seen where it is read."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps({"event": event, **values}).encode() + b"\n")


def owner_in(line):
    """The owner that the first line names."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        owner = json.loads(line)["owner"]
        if isinstance(owner, str) and owner:
            return owner
    raise Refused(f'the first line is {line!r}; expected {{"owner": "..."}}')


def busy(holder):
    """Say who has it, and for how long by a clock that nobody can set."""
    age_s = None
    if holder:
        age_s = round(time.clock_gettime(time.CLOCK_BOOTTIME) - holder["boottime_s"], 1)
    tell("busy", owner=holder.get("owner"), age_s=age_s, since_utc=holder.get("since_utc"))
    return BUSY


def keep(cache, line):
    """Hold the lock as long as the line is there; the exit code."""
    owner = owner_in(line.next())
    lock, running = Lock(cache), Running(cache)
    holder = lock.take()
    if holder is not None:
        return busy(holder)
    before = lock.read()
    left_behind = {key: before[key] for key in ("owner", "since_utc")}
    if before["owner"] in (None, owner):
        left_behind = None
    ended = running.open()
    try:
        tell("locked", left_behind=left_behind, ended=ended, unwritten=lock.write(owner))
        is_released = serve(line, running)
    finally:
        ended = running.close()
    if is_released:
        lock.clear()
        tell("released", ended=ended)
    return 0 if is_released else LINE_GONE


def serve(line, running):
    """Do what the lines say; whether the last one was a goodbye."""
    while True:
        said = line.next()
        if said is None:
            return False
        if said == "bye":
            return True
        word, _, name = said.partition(" ")
        if word == "end" and name and "/" not in name:
            tell("ended", name=name, **running.end([name])[name])
        elif said != "beat":
            raise Refused(f"{said!r} is nothing to ask; expected beat, end NAME or bye")


def main(arguments):
    """Keep the lock of the device; every way that fails is one line to the other end."""
    cache, silence_s = arguments[0], float(arguments[1]) if arguments[1:] else SILENCE_S
    try:
        return keep(cache, Line(silence_s))
    except (OSError, Refused) as error:
        tell("failed", message=str(error))
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
