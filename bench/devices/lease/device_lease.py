"""One bench at a time on a device, whichever machine it was started on: the host's side."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from bench.devices.lease.lease_client import LeaseClient
from bench.devices.transport.transport import Transport
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

SILENCE_S = 30.0
BEAT_S = 5.0
# A device that is slow, busy with what an earlier bench left, or both.
ANSWER_S = 60.0
END_S = 15.0
# A keeper that is not waited for ends everything all the same, and somebody pressed Ctrl-C.
RELEASE_S = 8.0
RETRY_S = 1.0
OWN_MARGIN_S = 15.0


class DeviceLease:
    """Holds a device with a keeper, which is there already and speaks as ``keeper.py`` says.

    ``keeper``: the words that start it there, in front of its folder. ``owner`` names this bench to
    whoever finds the device in use. ``note`` is told, in one line, what a user should know and
    nothing else says. The keeper lets go, and ends all that was started there, when it hears
    nothing for ``silence_s``, for which this process, its line or the device may have died. A
    context manager: leaving it releases the lock.
    """

    def __init__(
        self,
        transport: Transport,
        keeper: Sequence[str],
        cache: PurePosixPath,
        owner: str,
        note: Callable[[str], None],
        silence_s: float = SILENCE_S,
        beat_s: float = BEAT_S,
    ) -> None:
        self.transport, self.owner, self.silence_s = transport, owner, silence_s
        self._argv = [*keeper, str(cache), str(silence_s)]
        self._note, self._beat_s = note, beat_s
        self._line: LeaseClient | None = None
        self._is_taken, self._asking = False, threading.Lock()

    def __enter__(self) -> "DeviceLease":
        return self

    def __exit__(self, *_) -> None:
        self.release()

    def take(self, wait_s: float = 0.0) -> None:
        """Have the device for this bench alone, again if the line was lost meanwhile.

        DeviceError where another bench has it for longer than ``wait_s``, or the keeper cannot
        hold it; ConnectionLost. What an earlier bench left running there is ended.
        """
        self.release()
        started_s, own_wait_s = time.monotonic(), self.silence_s + OWN_MARGIN_S
        while (holder := self._holder()) is not None:
            if holder["owner"] == self.owner and wait_s < own_wait_s:
                # Us, before the line broke: no beats reach it now.
                wait_s = own_wait_s
                self._say(
                    f"waiting until it has let go of the line that broke, up to {self.silence_s:g} "
                    "s"
                )
            if time.monotonic() >= started_s + wait_s:
                raise DeviceError(
                    f"{self.transport.name} is in use by {_who(holder)}; wait, or end that bench"
                )
            time.sleep(RETRY_S)

    def is_held(self) -> bool:
        """Whether the keeper still holds the device for us, as far as can be known here."""
        return self._is_taken and self._line.is_there()

    def end(self, name: str) -> bool:
        """End what is registered as ``name``: whether nothing of it runs there any more.

        False where the line is lost, too; the keeper then ends everything by itself.
        """
        with self._asking:
            if not self.is_held():
                return False
            self._line.send(f"end {name}")
            said = self._answer("ended", END_S, name)
        if said is None:
            if self.is_held():
                self._say(f"did not say within {END_S:g} s that {name} has ended")
            return False
        self._tell_left({name: said})
        return not said["left"]

    def release(self) -> None:
        """Let others have the device; what still runs there is ended. Nothing if not held."""
        with self._asking:
            if self._line is None:
                return
            wait_s = END_S
            if self.is_held():
                self._line.send("bye")
                said = self._answer("released", RELEASE_S)
                self._tell_left(said["ended"] if said else {})
                if said is None and self.is_held():
                    wait_s = 0.0
                    self._say(
                        f"did not answer within {RELEASE_S:g} s; what runs there ends by itself "
                        f"within {self.silence_s:g} s"
                    )
            self._is_taken = False
            self._line.end(wait_s)
            self._line = None

    def _holder(self) -> dict | None:
        """None where the lock is ours now, otherwise who has it."""
        # It is to be ended by whoever leaves the context, from here on.
        self._line = LeaseClient(self.transport.start(self._argv), self._beat_s)
        self._line.open(json.dumps({"owner": self.owner}))
        said = self._line.event(ANSWER_S)
        kind = said["event"] if said else None
        if kind == "locked":
            self._is_taken = True
            self._tell_locked(said)
            return None
        line, self._line = self._line, None
        code = line.end(0.0 if said is None and line.is_there() else END_S)
        if kind == "busy":
            return said
        if kind == "failed":
            raise DeviceError(f"{self.transport.name}: its lock cannot be had: {said['message']}")
        words = f": {line.last_words()}" if line.last_words() else ""
        if code == self.transport.lost_code or not self.transport.is_connected():
            raise ConnectionLost(f"{self.transport.name}: the line broke ahead of its lock{words}")
        how = f"nothing within {ANSWER_S:g} s" if code is None else f"exit code {code}"
        raise DeviceError(f"{self.transport.name}: the keeper of its lock: {how}{words}")

    def _answer(self, kind: str, wait_s: float, name: str | None = None) -> dict | None:
        """The event of that kind, about ``name``; older answers, given too late, are passed by."""
        deadline_s = time.monotonic() + wait_s
        while (said := self._line.event(deadline_s - time.monotonic())) is not None:
            if said["event"] == kind and said.get("name") == name:
                return said
        return None

    def _tell_locked(self, said: dict) -> None:
        if said["left_behind"]:
            left = said["left_behind"]
            self._say(f"took over the lock that {left['owner']} left behind at {left['since_utc']}")
        for name, found in said["ended"].items():
            if found["processes"]:
                self._say(f"ended {name}, which an earlier bench had left running")
        self._tell_left(said["ended"])
        if said["unwritten"]:
            self._say(f"its lock holds, but does not name this bench: {said['unwritten']}")

    def _tell_left(self, ended: dict[str, dict]) -> None:
        for name, found in ended.items():
            if found["left"]:
                self._say(f"{name} cannot be ended: processes that are left: {found['left']}")

    def _say(self, message: str) -> None:
        self._note(f"{self.transport.name}: {' '.join(message.split())}")


def _who(holder: dict) -> str:
    """Such as "ann@desk pid 12 for 3 min"."""
    if holder["owner"] is None:
        return "another bench, which its lock does not name"
    owner = " ".join(holder["owner"].split())
    return owner if holder["age_s"] is None else f"{owner} for {_span(holder['age_s'])}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
