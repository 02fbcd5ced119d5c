"""The manifest of a delivery: the delivered bytes and their agreement, signed by the provider.

A manifest is a compact JWS (RFC 7515) of type ``hansa-manifest+jwt``, signed with ES256 by a key of the
provider's DID document. It outlives the transfer: anybody with the provider's public key can verify later that these
bytes, from that version of that record, were delivered to that participant under that agreement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.identity.jose import Jws, read_jws, verify_jws

TYPE: Final = "hansa-manifest+jwt"
MAX_SIZE: Final = 16 * 1024

_MOST_STEPS: Final = 8
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class ManifestInvalid(InvalidInput):
    """The manifest cannot be read, was not signed by the provider, or is about something else."""

    code = "manifest-invalid"
    title = "The manifest is not valid"


class Signer(Protocol):
    """Signs with the node's own key. ``KeyRing`` implements it."""

    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The recipient (``age1…``) of sealed bytes, and the size of the sealed file in bytes."""

    recipient: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``transfer`` is the provider's pid; ``record_sha256`` the hash of the canonical description.

    ``conversion`` says of what the bytes were made, if they are no file of the description: ``to``, ``source``,
    ``part``, ``rows``, ``crs``, ``losses``, ``tools``, and where columns have another form ``concealed`` and
    ``smallestGroup``, as the agreement writes them; ``steps`` are the transformations that the data went through:
    ``transformation``, ``version``, ``sha256`` (of its description), and ``rows`` and ``output`` (hash) after it.
    """

    transfer: str
    agreement: str
    asset: str
    version: int
    name: str
    media_type: str
    size: int
    sha256: str
    sealed: Seal | None
    provider: str
    consumer: str
    issued: datetime
    record_sha256: str
    conversion: Mapping[str, Any] | None = None

    @property
    def source(self) -> tuple[str, str]:
        """Return SHA-256 and name of the file of the description that the bytes are, or were made of."""
        if self.conversion is None:
            return self.sha256, self.name
        return str(self.conversion["source"]["sha256"]), str(self.conversion["source"]["name"])

    def to_json(self) -> dict[str, Any]:
        """Return the claims. ``iss``, ``aud`` and ``iat`` as in RFC 7519 §4.1."""
        claims: dict[str, Any] = {
            "iss": self.provider,
            "aud": self.consumer,
            "iat": int(self.issued.timestamp()),
            "transfer": self.transfer,
            "agreement": self.agreement,
            "asset": self.asset,
            "version": self.version,
            "record": self.record_sha256,
            "name": self.name,
            "mediaType": self.media_type,
            "size": self.size,
            "sha256": self.sha256,
        }
        if self.sealed is not None:
            claims["sealed"] = {"recipient": self.sealed.recipient, "size": self.sealed.size}
        if self.conversion is not None:
            claims["conversion"] = dict(self.conversion)
        return claims

    @classmethod
    def from_json(cls, claims: Mapping[str, Any]) -> Manifest:
        """Read the claims. Raises ``ManifestInvalid`` for claims that are missing or of the wrong type."""
        seal = claims.get("sealed")
        if seal is not None and not isinstance(seal, Mapping):
            raise ManifestInvalid("the manifest's «sealed» is not an object")
        conversion = claims.get("conversion")
        if conversion is not None and not _is_conversion(conversion):
            raise ManifestInvalid("the manifest's «conversion» does not say what was made of which file")
        sha256, record = _text(claims, "sha256"), _text(claims, "record")
        if not _SHA256.fullmatch(sha256) or not _SHA256.fullmatch(record):
            raise ManifestInvalid("a hash in the manifest is not a SHA-256 in lower-case hexadecimal")
        try:
            issue_time = datetime.fromtimestamp(_number(claims, "iat"), UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise ManifestInvalid("the manifest's «iat» is not a time") from error
        return cls(
            transfer=_text(claims, "transfer"),
            agreement=_text(claims, "agreement"),
            asset=_text(claims, "asset"),
            version=_number(claims, "version"),
            name=_text(claims, "name"),
            media_type=_text(claims, "mediaType"),
            size=_number(claims, "size"),
            sha256=sha256,
            sealed=None if seal is None else Seal(recipient=_text(seal, "recipient"), size=_number(seal, "size")),
            provider=_text(claims, "iss"),
            consumer=_text(claims, "aud"),
            issued=issue_time,
            record_sha256=record,
            conversion=conversion,
        )

    def sign(self, signer: Signer) -> str:
        """Return the manifest as a compact JWS."""
        return signer.sign_jws({"typ": TYPE}, canonical(self.to_json()))

    def expect(self, **fields: str) -> None:
        """Raises ``ManifestInvalid`` if a field differs: ``manifest.expect(agreement=…, consumer=…)``."""
        for name, value in fields.items():
            if getattr(self, name) != value:
                raise ManifestInvalid(f"the manifest is for another {name}", facts={"field": name})


def signing_key_id(jws: str) -> str:
    """Return the unverified DID URL of the key that signed ``jws``: look it up, then call ``verify_manifest``.

    Raises ``ManifestInvalid``.
    """
    return _read(jws)[1]


def verify_manifest(jws: str, provider_key: Mapping[str, Any]) -> Manifest:
    """Return the manifest in ``jws``, signed with the public JWK ``provider_key``.

    A pure function: the caller must have found the key of ``signing_key_id`` in the provider's DID document, listed
    under ``assertionMethod``. Raises ``ManifestInvalid``. The checks, in this order: size and strict form of the
    JWS; header (type, ES256 and nothing else, RFC 8725 §3.1, no member that brings a key of its own); the
    signature, with a P-256 key for signatures; the claims; the key's DID is the provider.
    """
    token, kid = _read(jws)
    try:
        verify_jws(token, dict(provider_key))
        claims = token.claims()
    except InvalidInput as error:
        raise ManifestInvalid(f"the manifest is not valid: {error.detail}") from error
    manifest = Manifest.from_json(claims)
    if kid.partition("#")[0] != manifest.provider:
        raise ManifestInvalid("the manifest is signed by somebody other than its provider")
    return manifest


def read_kept(jws: str) -> Manifest:
    """Return the claims of a stored manifest. The node verified it before it stored it, so this verifies nothing."""
    return Manifest.from_json(_read(jws)[0].claims())


def _read(jws: str) -> tuple[Jws, str]:
    try:
        token = read_jws(jws, limit=MAX_SIZE)
    except InvalidInput as error:
        raise ManifestInvalid(f"the manifest cannot be read: {error.detail}") from error
    if token.alg != "ES256" or token.header.get("typ") != TYPE or set(token.header) != {"alg", "typ", "kid"}:
        raise ManifestInvalid(f"the manifest's header does not name type {TYPE} and algorithm ES256")
    if token.kid is None or token.kid_did is None:
        raise ManifestInvalid("the manifest does not state whose key signed it")
    return token, token.kid


def _is_conversion(value: Any) -> bool:
    """Return whether a claim says to what a file was converted, of which file, and through which transformations."""
    source = value.get("source") if isinstance(value, Mapping) else None
    if not isinstance(source, Mapping) or not isinstance(value.get("to"), str):
        return False
    steps = value.get("steps", [])
    if not isinstance(steps, list) or len(steps) > _MOST_STEPS or not all(map(_is_step, steps)):
        return False
    return isinstance(source.get("name"), str) and bool(_SHA256.fullmatch(str(source.get("sha256"))))


def _is_step(value: Any) -> bool:
    """Return whether a claim names a version of a transformation, and the rows that it made."""
    if not isinstance(value, Mapping) or not isinstance(value.get("transformation"), str):
        return False
    hashes = (value.get("sha256"), value.get("output"))
    if not all(isinstance(text, str) and _SHA256.fullmatch(text) for text in hashes):
        return False
    numbers = (value.get("version"), value.get("rows"))
    return all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise ManifestInvalid(f"the manifest's «{name}» is not a string")
    return value


def _number(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ManifestInvalid(f"the manifest's «{name}» is not a number")
    return value
