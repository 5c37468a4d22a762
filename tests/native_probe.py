"""Parts of the native runner by themselves."""

import functools
import json
import subprocess
from pathlib import Path

from native_runner import built


@functools.cache
def program() -> Path:
    """The probe for this machine."""
    return built("probe")


def probe(*words, asked=None, env=None, through=()):
    """The answer of android_harness/probe/probe.cpp; it ends without an error."""
    done = start(*words, asked=asked, env=env, through=through)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def start(*words, asked=None, env=None, through=()):
    """The finished probe, however it ended; ``through`` are words that start it."""
    return subprocess.run(
        [*through, str(program()), *map(str, words)],
        input=json.dumps(asked) if asked is not None else "",
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )
