"""Permission to use the phone: the RSA keys of adb servers, as the phone's owner decides.

A key comes in the format of ``~/.android/adbkey.pub``: base64 of the number of 32-bit words, a
constant, the modulus, another constant and the exponent, all little-endian; then a name.
"""

import base64
import os
import struct
from enum import StrEnum

TOKEN_BYTES = 20
WORDS = 64
MODULUS_BYTES = 4 * WORDS
# Encoding of a SHA-1 digest that is signed, RFC 8017 section 9.2; the token stands for the digest.
SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")


class Consent(StrEnum):
    """The phone's rule: ask for no key, have its owner tap "allow", or "deny"."""

    OPEN = "open"
    ALLOW = "allow"
    DENY = "deny"


class Authorization:
    """The owner's mind and the keys that he has allowed so far."""

    def __init__(self, consent: Consent = Consent.OPEN) -> None:
        self.consent = consent
        self._keys: set[tuple[int, int]] = set()

    def forget(self) -> None:
        """As "Revoke USB debugging authorizations" among a phone's settings."""
        self._keys.clear()

    def signed(self, token: bytes, signature: bytes) -> bool:
        """True where a key that was allowed has signed ``token``."""
        padding = b"\0\1" + b"\xff" * (MODULUS_BYTES - 3 - len(SHA1_PREFIX) - len(token))
        expected = int.from_bytes(padding + b"\0" + SHA1_PREFIX + token)
        value = int.from_bytes(signature)
        return any(pow(value, exponent, modulus) == expected for modulus, exponent in self._keys)

    def offered(self, public_key: bytes) -> bool:
        """The owner is shown the key: whether he allows it, for good."""
        if self.consent is not Consent.ALLOW:
            return False
        self._keys.add(_numbers(public_key))
        return True


def new_token() -> bytes:
    """The bytes that a server has to sign."""
    return os.urandom(TOKEN_BYTES)


def _numbers(public_key: bytes) -> tuple[int, int]:
    content = base64.b64decode(public_key.rstrip(b"\0").split()[0])
    words, exponent = struct.unpack_from("<I", content)[0], struct.unpack("<I", content[-4:])[0]
    if words != WORDS:
        raise ConnectionError(f"a key of {words} words; expected {WORDS}")
    return int.from_bytes(content[8 : 8 + MODULUS_BYTES], "little"), exponent
