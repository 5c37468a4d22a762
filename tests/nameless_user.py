"""A user without a name and a home, as containers make them."""

import json
import os

import pytest

NAMES = ("HOME", "XDG_CACHE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME")
NAMELESS = 123_456  # no user has that number


def as_nameless(work, **environment):
    """The value of ``work``, as JSON knows it, to a process of a user without a name and home."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresuid(NAMELESS, NAMELESS, NAMELESS)
            for name in NAMES:
                os.environ.pop(name, None)
            os.environ.update(environment)
            answer = work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        answer = json.load(file)
    os.waitpid(child, 0)
    return answer
