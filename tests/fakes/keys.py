"""A key ring in memory. It signs with joserfc, so that it also shows that our own JWS is everybody's JWS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jws
from joserfc.jwk import ECKey

from node.base.errors import InvalidInput, LocalFault
from node.identity.jose import b64url
from node.identity.periods import KeyKind, KnownKey
from node.identity.ports import Unsealer


def first_keys(signing: Mapping[str, str], log: bytes, sealing: bytes) -> tuple[KnownKey, ...]:
    """The three keys of a node that never changed one: the public JWK, and the raw keys of ledger and sealing."""
    return (
        KnownKey(id="#key-1", kind=KeyKind.SIGNING, jwk=signing),
        KnownKey(id="#log-1", kind=KeyKind.LOG, jwk={"kty": "OKP", "crv": "Ed25519", "x": b64url(log)}),
        KnownKey(id="#seal-1", kind=KeyKind.SEALING, jwk={"kty": "OKP", "crv": "X25519", "x": b64url(sealing)}),
    )


class KnownKeys(Protocol):
    """Shows the public side of its keys, as every key ring does."""

    def known_keys(self) -> Sequence[KnownKey]: ...


def public_jwk(keys: KnownKeys) -> dict[str, Any]:
    """The key in use that verifies signatures, as JWK."""
    (signing,) = (key for key in keys.known_keys() if key.kind is KeyKind.SIGNING and key.state == "in use")
    return dict(signing.jwk)


class MemoryKeyRing:
    """Implements ``KeyRing`` and ``NoteSigner``; new keys each time it is made."""

    def __init__(self, did: str) -> None:
        self.did = did
        self.name = did.removeprefix("did:web:").replace(":", "/").replace("%3A", ":")
        self.key = ECKey.generate_key("P-256")
        self._log = Ed25519PrivateKey.generate()
        self._seal = X25519PrivateKey.generate()
        self._wrapping = AESGCM(AESGCM.generate_key(256))
        self._derivation = os.urandom(32)

    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str:
        protected = {**header, "alg": "ES256", "kid": f"{self.did}#key-1"}
        registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
        registry.max_header_length = 2048
        return jws.serialize_compact(protected, payload, self.key, registry=registry)

    def known_keys(self) -> Sequence[KnownKey]:
        return first_keys(
            {name: str(value) for name, value in self.key.as_dict(private=False).items()},
            self.log_public_key(),
            self.seal_public_key(),
        )

    def sealed_to(self, public: bytes) -> Unsealer | None:
        return self if public == self.seal_public_key() else None

    def log_public_key(self) -> bytes:
        return self._log.public_key().public_bytes_raw()

    def sign_log(self, message: bytes) -> bytes:
        return self._log.sign(message)

    def sign_note(self, text: str) -> str:
        key_id = hashlib.sha256(f"{self.name}\n\x01".encode() + self.log_public_key()).digest()[:4]
        signature = base64.b64encode(key_id + self.sign_log(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"

    def seal_public_key(self) -> bytes:
        return self._seal.public_key().public_bytes_raw()

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        try:
            return self._seal.exchange(X25519PublicKey.from_public_bytes(ephemeral_public))
        except ValueError as error:
            raise InvalidInput("not a usable point") from error

    def wrap(self, secret: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._wrapping.encrypt(nonce, secret, None)

    def unwrap(self, envelope: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(envelope[:12], envelope[12:], None)
        except (InvalidTag, ValueError) as error:
            raise LocalFault("this was not wrapped by this node") from error

    def derive(self, purpose: bytes) -> bytes:
        return hmac.digest(self._derivation, purpose, "sha256")
