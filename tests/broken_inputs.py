"""Broken copies of good inputs, out of a seeded generator: for the tests with any input."""

import json
from copy import deepcopy

DEEP = "\0deep\0"  # in the place of a value: lists in lists, deeper than any stack
ODD = (
    None, True, False, 0, 1, -1, 2, 2**31, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e-320, 1e308,
    float("nan"), float("inf"), float("-inf"), "", "x", "0", "\0", "\ud800", "\x1b[31m", "..",
    "/etc/passwd", "²", "x" * 70_000, [], {}, [[]], [None], {"a": None}, [1, "a"], {"": {}}, DEEP,
)  # fmt: skip
TOKENS = (
    b"\0", b"\xff", b"\n", b"\r", b'"', b"'", b"[", b"]", b"{", b"}", b"=", b",", b".", b"(", b")",
    b"9" * 5000, b"1e999", b"nan", b"-1", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"\x0c",
    b"[" * 3000, b"a." * 3000, b"0x" + b"f" * 5000, b"true", b"1979-05-27", b"PK\x01\x02", b"\\u",
)  # fmt: skip


def broken_bytes(chance, content):
    """``content`` with a few bytes of it flipped, cut out, doubled, or others put in."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(made) + 1)
        length = min(chance.choice((1, 1, 2, 4, 16, 64, len(made) // 2)), len(made) - at)
        how = chance.randrange(6)
        if how == 0 and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            del made[at : at + length]
        elif how == 2:
            made[at : at + length] = chance.randbytes(length)
        elif how == 3:
            made[at:at] = chance.choice(TOKENS)
        elif how == 4:
            made[at:at] = made[at : at + length]
        else:
            del made[at:]
    return bytes(made)


def broken_json(chance, value):
    """``value`` as JSON, with one or a few of its parts odd, missing, doubled or exchanged."""
    made = deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(made))
        inside, key = chance.choice(places)
        how = chance.randrange(10)
        if how < 6:
            inside[key] = deepcopy(chance.choice(ODD))
        elif how == 6:
            del inside[key]
        elif how == 7 and isinstance(inside, list):
            inside += inside[: chance.randrange(4)]
        elif how == 8:
            other, its_key = chance.choice(places)
            inside[key] = deepcopy(other[its_key]) if _has(other, its_key) else None
        elif isinstance(inside, dict):
            inside[chance.choice(("", "x", "version", "colour", "\ud800"))] = chance.choice(ODD)
        if not list(_places(made)):
            break
    return json.dumps(made).replace(json.dumps(DEEP), "[" * 30_000 + "]" * 30_000).encode()


def _places(value):
    """Each part of ``value``, as what it is inside of and its key there."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def _has(inside, key):
    return key in inside if isinstance(inside, dict) else key < len(inside)
