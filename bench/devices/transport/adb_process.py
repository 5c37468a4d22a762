"""An ``adb shell``, which exits as the program there did, or says for certain that it was lost."""

import contextlib
import os
import signal
import subprocess

LOST_CODE = 255
# An adb that loses the phone exits 0, one that does not get there 1: what runs there never does.
# With TMOUT a shell there may give up reading.
RUN = (
    'unset TMOUT; "$@"; code=$?; '
    'case $code in 0) code=254;; 1) code=253;; 25[345]) code=252;; esac; exit "$code"'
)
OF_ADB = {254: 0, 253: 1, 0: LOST_CODE, 1: LOST_CODE}


class AdbProcess(subprocess.Popen):
    """A process of ``adb shell`` whose command is RUN; leads a session of its own.

    ``returncode`` is the program's, its 253 to 255 all 252; LOST_CODE where its connection broke.
    """

    is_cut = False

    def cut(self) -> None:
        """End it as a broken connection does; from any thread."""
        self.is_cut = True
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    @property
    def returncode(self) -> int | None:
        code = self._code_of_adb
        if code is not None and code < 0 and self.is_cut:
            return LOST_CODE
        return OF_ADB.get(code, code)

    @returncode.setter
    def returncode(self, code: int | None) -> None:
        self._code_of_adb = code
