"""Compact JWS (RFC 7515), read strictly and verified with a key that the caller of this module chose.

Verification has three parts that must not mix: ``read_jws`` parses a token without trusting it; the caller finds the
key, in a DID document and never in the token; ``verify_jws`` checks the signature and raises. The header decides only
which of the key's own algorithms is used (RFC 8725 §3.1).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import canonical, read_object

MAX_TOKEN: Final = 16 * 1024

ALGORITHMS: Final[dict[str, tuple[str, str | None]]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
}
"""The algorithms of peers, each with the only kind of key that it may use; neither ``none`` nor symmetric ones."""

_SAME: Final = ("EdDSA", "Ed25519")
_FORBIDDEN_HEADERS: Final = ("crit", "b64", "jwk", "jku", "x5u", "x5c", "zip")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


class BadSignature(InvalidInput):
    """The signature is not valid for this key, or the key may not be used for this purpose."""

    code = "bad-signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jws:
    """A parsed token. Nothing in it has been verified."""

    text: str
    header: dict[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes

    @property
    def alg(self) -> str:
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """Return the key id as sent: a DID URL from every participant."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None

    @property
    def kid_did(self) -> str | None:
        """Return the DID before the fragment of ``kid``; None if the id is not absolute."""
        did, hash_sign, _ = (self.kid or "").partition("#")
        return did if hash_sign and did.startswith("did:") else None

    @property
    def typ(self) -> str:
        """Return the media type in lower case, without a leading ``application/`` (RFC 7515 §4.1.9)."""
        return str(self.header.get("typ", "")).lower().removeprefix("application/")

    def claims(self) -> dict[str, Any]:
        """Return the payload as JSON object. Raises ``InvalidInput``."""
        return read_object(self.payload)


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """Decode ``text``. Raises ``InvalidInput`` for padding, other characters, stray bits.

    A second spelling of the same bytes would be a second token with the same signature, so only the spelling of
    ``b64url`` is accepted.
    """
    if not _BASE64URL.fullmatch(text):
        raise InvalidInput("not base64url without padding")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise InvalidInput("not base64url") from error
    # Four characters stand for three bytes. Only those of the last, incomplete group have bits to spare.
    rest = len(text) % 4
    if rest and b64url(data[1 - rest :]) != text[-rest:]:
        raise InvalidInput("the base64url text is not in its canonical form")
    return data


def read_jws(text: str, *, limit: int = MAX_TOKEN) -> Jws:
    """Parse a compact JWS. Raises ``InvalidInput``; verifies nothing.

    It refuses more than ``limit`` characters, any number of parts but three, an ``alg`` outside ``ALGORITHMS``, any
    ``crit`` (we support no extension, RFC 7515 §4.1.11), and headers that bring their own key.
    """
    parts = _parts(text, limit)
    header = _read_header(parts[0])
    return Jws(
        text=text,
        header=header,
        payload=unb64url(parts[1]),
        signing_input=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=unb64url(parts[2]),
    )


def read_head(text: str, *, limit: int = MAX_TOKEN) -> Jws:
    """Parse the header of a compact JWS alone, to find its key; payload and signature are empty. Raises
    ``InvalidInput`` for the header as ``read_jws`` does."""
    header = _read_header(_parts(text, limit)[0])
    return Jws(text=text, header=header, payload=b"", signing_input=b"", signature=b"")


def _parts(text: str, limit: int) -> list[str]:
    if len(text) > limit:
        raise InvalidInput(f"the token is longer than {limit} characters")
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidInput("the token is not a compact JWS")
    return parts


def _read_header(part: str) -> dict[str, Any]:
    header = read_object(unb64url(part), max_depth=4)
    forbidden = [name for name in _FORBIDDEN_HEADERS if name in header]
    if forbidden:
        raise InvalidInput(f"the token's header has {', '.join(forbidden)}, which this node does not take")
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise InvalidInput(
            "the token is signed with an algorithm that this node does not take",
            remedy=f"use one of {', '.join(ALGORITHMS)}",
        )
    if not isinstance(header.get("kid", ""), str) or not isinstance(header.get("typ", ""), str):
        raise InvalidInput("kid and typ of the token's header must be texts")
    return header


def verify_jws(jws: Jws, jwk: dict[str, Any]) -> None:
    """Check the signature of ``jws`` with the public key ``jwk``. Returns nothing; raises ``BadSignature``.

    The key's kind decides which algorithms are possible; ``use``, ``key_ops`` and ``alg`` of the key are
    respected; RSA keys must have at least 2048 bits.
    """
    kind, curve = ALGORITHMS[jws.alg]
    if jwk.get("kty") != kind or (curve is not None and jwk.get("crv") != curve):
        raise BadSignature("the token's algorithm does not fit the key")
    if jwk.get("alg") not in (None, jws.alg, *(_SAME if jws.alg in _SAME else ())):
        raise BadSignature("the key is for another algorithm than the token's")
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry

    try:
        key = _import_key(canonical(jwk))
        key.check_use("sig")
        key.check_key_op("verify")
        # The algorithm is taken from the registry's table, since its look-up by name warns about `EdDSA`, the name
        # that most peers still use for `Ed25519` (RFC 9864).
        good = JWSRegistry.algorithms[jws.alg].verify(jws.signing_input, jws.signature, key)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise BadSignature("the key of the token cannot be used") from error
    if not good:
        raise BadSignature("the signature is not valid")


def public_pem(jwk: dict[str, Any]) -> bytes:
    """Return a public key as PEM, for tools without JWK support. Raises ``BadSignature`` for an unusable key."""
    from joserfc.errors import JoseError

    try:
        return bytes(_import_key(canonical(jwk)).as_pem(private=False))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise BadSignature("the key cannot be used") from error


@lru_cache(maxsize=256)
def _import_key(jwk: bytes) -> Any:
    from joserfc.jwk import JWKRegistry

    members = read_object(jwk)
    if members["kty"] == "RSA" and int.from_bytes(unb64url(members["n"])).bit_length() < 2048:
        raise ValueError("an RSA key of less than 2048 bits")
    return JWKRegistry.import_key({name: value for name, value in members.items() if name != "alg"})
