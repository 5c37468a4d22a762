"""The start of a program: loading it never ends with a traceback. Loads nothing itself."""

import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType

NOT_LOADED, INTERRUPTED = 3, 130  # as of DeviceError and of a shell's Ctrl-C


def run(main: Callable[[Sequence[str]], int], *modules: str) -> int:
    """``main`` with the command line of this process; its exit code. For ``__main__`` only.

    The ``modules`` that it needs are loaded before it: Ctrl-C meanwhile simply ends the process,
    since nothing has begun that would have to be cleaned up.
    """
    _end_silently()
    try:
        for module in modules:
            import_module(module)
    except ImportError as error:
        shown = " ".join(str(first_cause(error)).split())
        sys.stderr.write(f"error: this program cannot be loaded: {shown}; run make setup again\n")
        return NOT_LOADED
    try:
        _end_as_by_ctrl_c()
        return main(sys.argv[1:])
    except KeyboardInterrupt:  # before main listens to it
        return INTERRUPTED
    finally:
        _end_silently()  # from now on Python only ends


def first_cause(error: BaseException) -> BaseException:
    """The error that ``error`` goes back to: what a package that cannot be loaded says of it in the
    end may be long, and for people who build that package."""
    while isinstance(error, ImportError) and (error.__cause__ or error.__context__):
        error = error.__cause__ or error.__context__
    return error


def _end_silently() -> None:
    """Let Ctrl-C end the process as it is, also one from before Python listened, unless a shell has
    it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):  # Windows has none
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_as_by_ctrl_c() -> None:
    """Make SIGTERM and a terminal that is closed clean up and end children as Ctrl-C does.

    What is ignored stays so: a shell starts what it puts in the background without Ctrl-C, and
    nohup without SIGHUP.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _told_to_end)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _told_to_end)


def _told_to_end(number: int, frame: FrameType | None) -> None:
    """One interrupt, with the ``number`` of its signal: a shell and the system send a SIGHUP each,
    and the second would end the cleaning up after the first."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt(number)
