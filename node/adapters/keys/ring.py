"""The list of keys in their folder: ``ring.json``, replaced as a whole.

A folder without it has the three initial keys of a node. The content of the list is public; it determines which
private key is in use, so that a node changes its keys at the moment when this one file is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from node.adapters.keys.atrest import Outer, read_secret, write_whole
from node.base.errors import Conflict, InvalidInput, LocalFault, NotFound
from node.identity.jose import b64url
from node.identity.periods import PREFIX, KeyKind, KnownKey

RING: Final = "ring.json"
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey


def file_of(key: KnownKey) -> str:
    """Return the name of the file with the private half."""
    return f"{key.id.removeprefix('#')}.pem"


def read_ring(folder: Path) -> tuple[KnownKey, ...] | None:
    """Return the list; None if the node never changed a key. Raises ``LocalFault`` if it is damaged."""
    try:
        data = read_secret(folder / RING, None) if (folder / RING).exists() else None
        if data is None:
            return None
        return tuple(KnownKey.from_json(entry) for entry in json.loads(data)["keys"])
    except (KeyError, ValueError, TypeError) as error:
        raise LocalFault(f"{folder / RING} is damaged", remedy="restore it from a backup") from error


def write_ring(folder: Path, keys: Sequence[KnownKey]) -> None:
    """Replace the list."""
    write_whole(folder / RING, json.dumps({"keys": [key.to_json() for key in keys]}, indent=1).encode() + b"\n")


def new_private(kind: KeyKind) -> PrivateKey:
    """Return a new private key of this kind."""
    if kind is KeyKind.SIGNING:
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate() if kind is KeyKind.LOG else x25519.X25519PrivateKey.generate()


def pem_of(key: PrivateKey) -> bytes:
    """Return the key as unencrypted PKCS #8 PEM; the file that holds it must protect it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def jwk_of(key: PrivateKey) -> dict[str, str]:
    """Return the public half as JWK."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        x, y = (b64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    curve = "Ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "X25519"
    return {"kty": "OKP", "crv": curve, "x": b64url(key.public_key().public_bytes_raw())}


def load_private(folder: Path, key: KnownKey, outer: Outer | None) -> PrivateKey:
    """Return the private half of ``key``. Raises ``LocalFault`` if it is missing, damaged or of another kind."""
    path = folder / file_of(key)
    data = read_secret(path, outer)
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise LocalFault(f"{path} cannot be read as a key", remedy="restore it from a backup") from error
    right = {
        KeyKind.SIGNING: isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name == "secp256r1",
        KeyKind.LOG: isinstance(private, ed25519.Ed25519PrivateKey),
        KeyKind.SEALING: isinstance(private, x25519.X25519PrivateKey),
    }[key.kind]
    if not right:
        raise LocalFault(f"{path} contains a key of another kind", remedy="restore it from a backup")
    assert isinstance(private, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey)
    if key.jwk and dict(key.jwk) != jwk_of(private):
        raise LocalFault(f"{path} is not the key that {RING} names", remedy="restore the folder from a backup")
    return private


def next_id(keys: Sequence[KnownKey], kind: KeyKind) -> str:
    """Return the id of the next key of this kind: one higher than any earlier id."""
    numbers = [int(key.id.removeprefix(PREFIX[kind])) for key in keys if key.kind is kind]
    return f"{PREFIX[kind]}{max(numbers) + 1}"


def in_use(keys: Sequence[KnownKey], kind: KeyKind) -> KnownKey:
    """Return the only key of this kind that is in use."""
    matches = [key for key in keys if key.kind is kind and key.state == "in use"]
    if len(matches) != 1:
        raise LocalFault(f"{RING} does not name one {kind} key in use", remedy="restore the folder from a backup")
    return matches[0]


def find_key(keys: Sequence[KnownKey], kid: str) -> KnownKey:
    """Return the key of this id, with or without its DID or ``#``. Raises ``NotFound``."""
    fragment = "#" + kid.rpartition("#")[2]
    for key in keys:
        if key.id == fragment:
            return key
    raise NotFound(f"this node has no key {fragment}", remedy="to list the keys, run hansa keys")


def mark_revoked(
    keys: Sequence[KnownKey], kid: str, as_of: datetime, reason: str, now: datetime
) -> tuple[KnownKey, ...]:
    """Return ``keys`` with this one revoked as of ``as_of``. Raises ``NotFound``, ``InvalidInput`` for a moment in
    the future, ``Conflict`` if it was revoked as of an earlier moment: a void signature does not become valid again.
    """
    key = find_key(keys, kid)
    if as_of > now:
        raise InvalidInput(
            "a key can be revoked as of now or an earlier time, not a later one",
            remedy="give a time that is past, or none for now",
        )
    if key.revoked is not None and key.revoked < as_of:
        raise Conflict(
            f"{key.id} was already revoked as of an earlier time", remedy="give that time or an earlier one"
        )
    changed = replace(key, revoked=as_of, until=key.until or now, reason=reason)
    return tuple(changed if one.id == key.id else one for one in keys)
