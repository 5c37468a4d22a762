"""One job in the Python runner and in the native one, and what must be the same in both answers."""

import json
import subprocess
import sys
from dataclasses import dataclass

from bench.devices.host import PACKAGES, RUNNER
from bench.devices.runner_python import RunnerPython
from bench.on_device import runner

# As a job without any of them; the rest of a result is of the same type in both.
SAME = ("version", "runtime", "runtime_version", "threads", "affinity", "images", "delegate")

# Null where the turns were shorter than a tick of the system's clock.
SHARES = ("others_share", "stolen_share")


@dataclass(frozen=True)
class Answer:
    """Output of a runner: its exit code, the lines before the result, the result."""

    code: int
    events: list
    result: dict
    stderr: str

    @property
    def kind(self):
        return self.result["error"] and self.result["error"]["kind"]

    @property
    def message(self):
        return self.result["error"]["message"]


class BothRunners:
    def __init__(self, native, libraries):
        self._python = RunnerPython((sys.executable,), PACKAGES).starting(RUNNER)
        self._native = [str(native), "--libraries", str(libraries)]

    def python(self, text, *arguments):
        """Its answer to ``text`` on standard input."""
        return _answer([*self._python, *map(str, arguments)], text)

    def native(self, text, *arguments):
        return _answer([*self._native, *map(str, arguments)], text)

    def run(self, text, *arguments):
        """(Python's answer, the native one's)."""
        return self.python(text, *arguments), self.native(text, *arguments)

    def refused(self, text, *arguments):
        """Both answers, which must have the same kind of error and exit code."""
        return self._both_refuse(*self.run(text, *arguments))

    def refused_unstarted(self, text, path):
        """The same for a job that Python's runner refuses before it loads a runtime, so that it
        can do so in this process, from a file at ``path``."""
        path.write_text(text)
        result = runner.run([str(path)], print)
        code = runner.EXIT_CODES[result["error"]["kind"]]
        return self._both_refuse(Answer(code, [], result, ""), self.native(text))

    def _both_refuse(self, python, native):
        assert (python.kind, python.code) == (native.kind, native.code), (python, native)
        check_alike(python.result, native.result)
        return python, native


def _answer(command, text):
    encoded = text if isinstance(text, bytes) else text.encode()
    done = subprocess.run(command, input=encoded, capture_output=True, timeout=60)
    *events, result = map(json.loads, done.stdout.decode().splitlines())
    return Answer(done.returncode, events, result, done.stderr.decode(errors="replace"))


def check_alike(python, native):
    """Every field of both results: equal where it must be, of the same type elsewhere."""
    assert set(python) == set(native)
    for name in SAME:
        assert python[name] == native[name], name
    assert (python["error"] or {}).get("kind") == (native["error"] or {}).get("kind")
    assert [_named(op) for op in python["profile"]] == [_named(op) for op in native["profile"]]
    for name in set(python) - set(SHARES):
        assert _type(python[name]) == _type(native[name]), name
    for name in SHARES:
        assert all(type(given[name]) in (float, type(None)) for given in (python, native)), name


def _named(op):
    return {name: value for name, value in op.items() if name != "mean_ns"}


def _type(value):
    """Type of ``value``; of a list, the types of its items."""
    if isinstance(value, dict):
        return {name: _type(item) for name, item in value.items()}
    if isinstance(value, list):
        return [kind for kind in map(_type, value)][:1]
    return type(value).__name__
