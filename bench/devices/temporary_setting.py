"""A program on a device that changes a setting there, and puts it back when its input ends."""

import selectors
import subprocess

LAST_WORDS_S = 2.0


class TemporarySetting:
    """``process``, its pipes ours: it says in a line how it went, then waits.

    Whatever ends this side, or the connection, ends its standard input: so the former setting
    comes back in any case.
    """

    def __init__(self, process: subprocess.Popen, answer_s: float) -> None:
        self._process, self._answer_s = process, answer_s

    def first_line(self) -> str:
        """ "" where there is none in time."""
        with selectors.DefaultSelector() as pipes:
            pipes.register(self._process.stdout, selectors.EVENT_READ)
            if not pipes.select(self._answer_s):
                return ""
            return self._process.stdout.readline().decode(errors="replace").strip()

    def last_words(self) -> str:
        """The last line of a program that has ended; otherwise, that it does not answer."""
        try:
            # Its output may have ended a moment before itself.
            self._process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            return f"no answer within {self._answer_s:g} s"
        lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "no reason given"

    def let_go(self, within_s: float) -> bool:
        """End its input: whether it has put the former setting back, as far as it says."""
        self._process.stdin.close()
        try:
            return self._process.wait(within_s) == 0
        except subprocess.TimeoutExpired:
            self._process.kill()
            return False
        finally:
            for pipe in (self._process.stdout, self._process.stderr):
                pipe.close()
