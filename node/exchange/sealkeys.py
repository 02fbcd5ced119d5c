"""Sealing keys and their text forms: ``age1…`` recipients and ``AGE-SECRET-KEY-1…`` identities.

Both are Bech32 (BIP 173) without its length limit of 90 characters, as in the age format
(age-encryption.org/v1, "X25519 recipient type"). Only X25519 keys are known here.
"""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from node.base.errors import InvalidInput

KEY_SIZE: Final = 32

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_RECIPIENT: Final = "age"
_IDENTITY: Final = "AGE-SECRET-KEY-"


class SealIdentity(Protocol):
    """Opens bytes that were sealed for a public key; a ``KeyRing`` does so without showing its private key."""

    def seal_public_key(self) -> bytes:
        """Return the raw X25519 public key (32 bytes)."""

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        """X25519 with ``ephemeral_public``; raises ``InvalidInput`` for low-order points."""


class X25519Identity:
    """A private key in memory."""

    def __init__(self, secret: bytes) -> None:
        self._secret = X25519PrivateKey.from_private_bytes(secret)
        self._public = self._secret.public_key().public_bytes_raw()

    def seal_public_key(self) -> bytes:
        return self._public

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        return shared_secret(self._secret, ephemeral_public)


def shared_secret(secret: X25519PrivateKey, public: bytes) -> bytes:
    """Return the X25519 shared secret (RFC 7748 §6.1). Raises ``InvalidInput`` if ``public`` is a point of low
    order."""
    try:
        return secret.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise InvalidInput(
            "the X25519 share is a point of low order: it would produce the same key for everybody"
        ) from error


def recipient_text(public: bytes) -> str:
    """Return ``age1…`` for a raw X25519 public key."""
    if len(public) != KEY_SIZE:
        raise InvalidInput(f"an X25519 key has {KEY_SIZE} bytes, this one has {len(public)}")
    values = _regroup(public, 8, 5, pad=True)
    check = _polymod([*_expand(_RECIPIENT), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    return f"{_RECIPIENT}1{''.join(_ALPHABET[value] for value in values)}"


def read_recipient(text: str) -> bytes:
    """Return the raw public key of an ``age1…`` recipient. Raises ``InvalidInput``."""
    prefix, key = _decode(text)
    if prefix != _RECIPIENT:
        raise InvalidInput("this is not an age X25519 recipient", remedy="an X25519 recipient begins with age1")
    return key


def read_identity(text: str) -> bytes:
    """Return the raw private key of an ``AGE-SECRET-KEY-1…`` identity. Raises ``InvalidInput``."""
    prefix, key = _decode(text)
    if prefix != _IDENTITY.lower() or text != text.upper():
        raise InvalidInput(
            "this is not an age X25519 identity", remedy="an X25519 identity begins with AGE-SECRET-KEY-1"
        )
    return key


def _decode(text: str) -> tuple[str, bytes]:
    """Return the lower-case prefix and the 32 bytes. The offending text is never repeated: it may be a secret."""
    if text not in (text.lower(), text.upper()):
        raise InvalidInput("a Bech32 text mixes upper and lower case", remedy="copy the key as it was written")
    prefix, mark, rest = text.lower().rpartition("1")
    if not mark or not prefix or len(rest) < 6 or any(not 33 <= ord(character) <= 126 for character in text):
        raise InvalidInput(
            "this is not a Bech32 text", remedy="copy the whole key: it begins with age1 or AGE-SECRET-KEY-1"
        )
    try:
        values = [_VALUES[character] for character in rest]
    except KeyError:
        raise InvalidInput(
            "a Bech32 text has a character that Bech32 does not use",
            remedy="copy the key again: a character of it is wrong",
        ) from None
    if _polymod([*_expand(prefix), *values]) != 1:
        raise InvalidInput("the checksum of a Bech32 text is wrong", remedy="copy the whole key again")
    key = bytes(_regroup(values[:-6], 5, 8, pad=False))
    if len(key) != KEY_SIZE:
        raise InvalidInput(f"an X25519 key has {KEY_SIZE} bytes, this one has {len(key)}")
    return prefix, key


def _regroup(values: bytes | list[int], width: int, to: int, *, pad: bool) -> list[int]:
    """Regroup bits from groups of ``width`` to groups of ``to``; without ``pad`` the remaining bits must be zero."""
    pool = bits = 0
    groups: list[int] = []
    for value in values:
        pool = (pool << width) | value
        bits += width
        while bits >= to:
            bits -= to
            groups.append((pool >> bits) & ((1 << to) - 1))
        pool &= (1 << bits) - 1
    if pad and bits:
        groups.append((pool << (to - bits)) & ((1 << to) - 1))
    elif not pad and (bits >= width or pool):
        raise InvalidInput("a Bech32 text ends in extra bits", remedy="copy the key again: its end is wrong")
    return groups


def _expand(prefix: str) -> list[int]:
    codes = [ord(character) for character in prefix]
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(values: list[int]) -> int:
    """Return the BCH checksum of BIP 173."""
    check = 1
    for value in values:
        top = check >> 25
        check = ((check & 0x1FFFFFF) << 5) ^ value
        for place, factor in enumerate(_GENERATOR):
            if (top >> place) & 1:
                check ^= factor
    return check
