"""A device leased to one bench at a time, whichever machine started that: the host's side."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from bench.devices.lease.lease_client import Answer, LeaseClient
from bench.devices.transport.transport import Transport
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError, RequestError

LEASE_TIMEOUT_S = 30
HEARTBEAT_S = 5.0
# A device that is slow, busy with what an earlier bench left, or both.
ANSWER_S = 60.0
END_S = 15.0
# An agent that is not waited for ends everything all the same, and somebody pressed Ctrl-C.
RELEASE_S = 8.0
RETRY_S = 1.0
OWN_MARGIN_S = 15.0
UNKNOWN = "-"
PROCESS = re.compile(r".*, process \d+/\w+/")


class DeviceLease:
    """Leases a device with an agent, which is there already and speaks as ``lease_agent.sh`` says.

    ``agent``: the words that start it there, ahead of its arguments. ``owner`` names this bench to
    whoever finds the device in use. ``shared``: a file there that all accounts can read and that
    one bench at a time locks; "": none, as where there is one account. ``note`` is told, in one
    line, what a user should know and nothing else says. The agent ends the lease, and all that was
    started there, when it hears nothing for ``lease_timeout_s``: this process, its connection or
    the device may have died. A context manager: leaving it releases the device.
    """

    def __init__(
        self,
        transport: Transport,
        agent: Sequence[str],
        cache: PurePosixPath,
        owner: str,
        note: Callable[[str], None],
        lease_timeout_s: int = LEASE_TIMEOUT_S,
        heartbeat_s: float = HEARTBEAT_S,
        shared: str = "",
    ) -> None:
        self.transport, self.owner = transport, " ".join(owner.split())
        self.lease_timeout_s = lease_timeout_s
        self._argv = [*agent, str(cache), str(lease_timeout_s), self.owner, shared]
        self._note, self._heartbeat_s = note, heartbeat_s
        self._client: LeaseClient | None = None
        self._is_taken, self._asking = False, threading.Lock()

    def __enter__(self) -> "DeviceLease":
        return self

    def __exit__(self, *_) -> None:
        self.release()

    def take(self, wait_s: float = 0.0) -> None:
        """Have the device for this bench alone, again if the connection was lost meanwhile.

        DeviceError where another bench has it for longer than ``wait_s``, or the agent cannot
        hold it; ConnectionLost. What an earlier bench left running there is ended.
        """
        self.release()
        started_s, own_wait_s = time.monotonic(), self.lease_timeout_s + OWN_MARGIN_S
        while (holder := self._holder()) is not None:
            if _owner(holder) == self.owner and wait_s < own_wait_s:
                # This bench, before the connection broke: no heartbeats reach that agent now.
                wait_s = own_wait_s
                self._say(
                    "waiting until the lease of the connection that broke has ended, up to "
                    f"{self.lease_timeout_s:g} s"
                )
            elif _owner(holder) != self.owner and _process(_owner(holder)) == _process(self.owner):
                raise RequestError(
                    f"{self.transport.name} is the same device as another that DEVICE names, which "
                    "this bench has already; expected each device once"
                )
            if time.monotonic() >= started_s + wait_s:
                raise DeviceError(
                    f"{self.transport.name} is in use by {_who(holder)}; wait, or end that bench"
                )
            time.sleep(RETRY_S)

    def is_held(self) -> bool:
        """True while the agent still holds the device for this bench, as far as is known here."""
        return self._is_taken and self._client.is_there()

    def end(self, name: str) -> bool:
        """End what was started as ``name``: whether nothing of it runs there any more.

        False where the connection is lost, too; the agent then ends everything by itself.
        """
        with self._asking:
            if not self.is_held():
                return False
            self._client.send(f"end {name}")
            answer = self._await(lambda a: a.kind == "ended" and a.words[0] == name, END_S)
        if answer is None:
            if self.is_held():
                self._say(f"did not say within {END_S:g} s that {name} has ended")
            return False
        return self._tell_left(answer)

    def release(self) -> None:
        """Let others have the device; what still runs there is ended. Nothing if not acquired."""
        with self._asking:
            if self._client is None:
                return
            wait_s = END_S
            if self.is_held():
                self._client.send("bye")
                is_done = self._await(lambda answer: answer.kind == "released", RELEASE_S, True)
                if is_done is None and self.is_held():
                    wait_s = 0.0
                    self._say(
                        f"did not answer within {RELEASE_S:g} s; what runs there ends by itself "
                        f"within {self.lease_timeout_s:g} s"
                    )
            self._is_taken = False
            self._client.end(wait_s)
            self._client = None

    def _holder(self) -> Answer | None:
        """The answer that says whose the device is; None where it is this bench's now."""
        # It is to be ended by whoever leaves the context, from here on.
        self._client = LeaseClient(self.transport.start(self._argv), self._heartbeat_s)
        answer = self._first_answer()
        if answer and answer.kind == "locked":
            self._is_taken = True
            return None
        client, self._client = self._client, None
        code = client.end(0.0 if answer is None and client.is_there() else END_S)
        name = self.transport.name
        if answer and answer.kind == "busy":
            return answer
        if answer:
            raise DeviceError(f"{name}: it cannot be leased: {' '.join(answer.words)}")
        words = f": {client.last_words()}" if client.last_words() else ""
        if code == self.transport.lost_code or not self.transport.is_connected():
            raise ConnectionLost(f"{name}: the connection broke before its lease{words}")
        how = f"nothing within {ANSWER_S:g} s" if code is None else f"exit code {code}"
        raise DeviceError(f"{name}: its lease agent: {how}{words}")

    def _first_answer(self) -> Answer | None:
        """ "locked", "busy" or "failed"; what comes before is noted."""
        deadline_s = time.monotonic() + ANSWER_S
        while (answer := self._client.answer(deadline_s - time.monotonic())) is not None:
            if answer.kind == "left":
                since, *owner = answer.words
                self._say(f"took over the lease that {' '.join(owner)} left at {since}")
            elif answer.kind == "unwritten":
                self._say(f"its lock holds, but does not name this bench: {' '.join(answer.words)}")
            elif answer.kind == "ended":
                if self._tell_left(answer) and answer.words[1] != "0":
                    self._say(f"ended {answer.words[0]}, which an earlier bench had left running")
            else:
                return answer
        return None

    def _await(
        self, is_wanted: Callable[[Answer], bool], wait_s: float, is_release: bool = False
    ) -> Answer | None:
        """The answer that is wanted; older ones, given too late, are passed by."""
        deadline_s = time.monotonic() + wait_s
        while (answer := self._client.answer(deadline_s - time.monotonic())) is not None:
            if is_wanted(answer):
                return answer
            if is_release and answer.kind == "ended":
                self._tell_left(answer)
        return None

    def _tell_left(self, ended: Answer) -> bool:
        """True where nothing is left of the program of the answer; otherwise that is noted."""
        name, _, left = ended.words
        if left != "0":
            self._say(f"{name} cannot be ended: processes that are left: {left}")
        return left == "0"

    def _say(self, message: str) -> None:
        self._note(f"{self.transport.name}: {' '.join(message.split())}")


def _process(owner: str) -> str:
    """The process of an owner that names one, as ``platform.owner`` does; else the owner."""
    found = PROCESS.match(owner)
    return found[0] if found else owner


def _owner(busy: Answer) -> str:
    return " ".join(busy.words[2:])


def _who(busy: Answer) -> str:
    """The holder and for how long, e.g. "ann@desk pid 12 for 3 min"."""
    if _owner(busy) == UNKNOWN:
        return "another bench, which its lock does not name"
    if not busy.words[0].isdecimal():
        return _owner(busy)
    return f"{_owner(busy)} for {_span(float(busy.words[0]))}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
