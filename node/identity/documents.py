"""Our own DID document, and the keys in the documents of others.

A key counts for a purpose only if the document lists it under that verification relationship (DID Core
§5.3): ``capabilityInvocation`` for self-issued tokens, ``authentication`` for presentations,
``assertionMethod`` for credentials, status lists and signed statements, ``keyAgreement`` for sealing. Two
kinds of documents in use state less than that. Those of some connectors, and of the conformance kit, state no
purpose for any key: then every key counts. Others list their keys under ``authentication`` and have no
``capabilityInvocation``: for tokens, ``authentication`` then replaces it. If a document states purposes, only these
count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from node.base.errors import InvalidInput, Unauthenticated
from node.identity.did import method_id
from node.identity.jose import b64url, read_jws, unb64url, verify_jws
from node.identity.messages import CONTEXT
from node.identity.model import DidDocument
from node.identity.periods import PREFIX, RELATIONSHIPS, KeyKind, methods, why_not
from node.identity.ports import KeyRing, Peers
from node.vocab.dsp import V2025_1

CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1", CONTEXT)

_USED: Final = ("authentication", "assertionMethod", "capabilityInvocation", "keyAgreement")
_RELATIONSHIPS: Final = (
    "authentication",
    "assertionMethod",
    "capabilityInvocation",
    "capabilityDelegation",
    "keyAgreement",
)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MULTIKEY: Final = {b"\xed\x01": "Ed25519", b"\xec\x01": "X25519", b"\x80\x24": "P-256", b"\x81\x24": "P-384"}

T = TypeVar("T")


class UnknownKey(Unauthenticated):
    """The document has no such key: it may have been added since, so the document should be fetched again."""


def build_document(keyring: KeyRing, public_url: str, *, issuer: bool = False) -> dict[str, Any]:
    """Return this node's DID document (DCP 1.0 §4.2; DSP 2025-1 §4.4 for the services of the catalogue).

    Methods are of type ``JsonWebKey2020``, the only type that every connector in use reads. A former key has its
    period, and is listed under no purpose (``node.identity.periods``).
    """
    did, base = keyring.did, public_url.rstrip("/")
    keys = keyring.known_keys()
    ids_by_use: dict[str, list[str]] = {name: [] for name in _USED}
    for key in keys:
        for name in RELATIONSHIPS[key.kind] if key.state == "in use" else ():
            ids_by_use[name].append(did + key.id)
    services = [
        ("credential-service", "CredentialService", f"{base}/dcp"),
        ("data-service", "DataService", f"{base}/.well-known/dspace-version"),
        ("catalog-service", "CatalogService", f"{base}{V2025_1.path}/catalog"),
    ]
    if issuer:
        services.insert(1, ("issuer-service", "IssuerService", f"{base}/issuer"))
    return {
        "@context": list(CONTEXTS),
        "id": did,
        "verificationMethod": methods(did, keys),
        **ids_by_use,
        "service": [
            {"id": f"{did}#{name}", "type": kind, "serviceEndpoint": endpoint} for name, kind, endpoint in services
        ],
    }


def _okp(curve: str, public: bytes) -> dict[str, Any]:
    return {"kty": "OKP", "crv": curve, "x": b64url(public)}


def key_for(document: DidDocument, kid: str | None, relationship: str) -> dict[str, Any]:
    """Return the public JWK that ``kid`` names in ``document`` and that ``relationship`` lists.

    Without ``kid`` the document must have exactly one method (DCP 1.0 §4.3.3). Raises ``UnknownKey`` if the document
    has no such method, ``Unauthenticated`` if the key may not be used for this purpose.
    """
    methods = {method_id(document.id, method.get("id")): method for method in _methods(document, relationship)}
    if kid is None:
        if len(methods) != 1:
            raise Unauthenticated("the token does not say which key signed it, and its DID has several")
        kid = next(iter(methods))
    key_id = method_id(document.id, kid)
    if key_id.partition("#")[0] != document.id:
        raise Unauthenticated("the key of the token belongs to another DID")
    method = methods.get(key_id)
    if method is None:
        raise UnknownKey("the DID document has no key of this id")
    if method.get("controller") != document.id:
        raise Unauthenticated("the key is controlled by somebody else")
    if key_id not in _method_ids(document, relationship):
        raise Unauthenticated(why_not(method) or f"the key is not listed under {relationship} of its DID document")
    return _public_jwk(method)


async def checked_against(peers: Peers, did: str, check: Callable[[DidDocument], T]) -> T:
    """Return the result of ``check`` for the DID document of ``did``; repeat it with a fresh copy on
    ``UnknownKey``."""
    try:
        return check(await peers.did_document(did))
    except UnknownKey:
        return check(await peers.did_document(did, fresh=True))


def sealing_key(document: DidDocument) -> bytes | None:
    """Return the raw X25519 key (32 bytes) for sealing bytes to this participant; None if it has none."""
    for name in _method_ids(document, "keyAgreement"):
        try:
            jwk = key_for(document, name, "keyAgreement")
        except Unauthenticated:
            continue
        if jwk.get("kty") == "OKP" and jwk.get("crv") == "X25519" and isinstance(jwk.get("x"), str):
            raw = unb64url(jwk["x"])
            if len(raw) == 32:
                return raw
    return None


def log_keys(document: DidDocument, *, formerly: bool = False) -> list[tuple[str, bytes]]:
    """Return the ledger keys in a DID document, each with its id: raw Ed25519, the key in use first.

    Only keys under ``assertionMethod``; with ``formerly`` also retired keys, for checkpoints that were taken while
    they were in use.
    """
    keys: list[tuple[bool, str, bytes]] = []
    key_ids = _method_ids(document, "assertionMethod")
    for method in _methods(document, "assertionMethod"):
        name = method_id(document.id, method.get("id"))
        jwk = method.get("publicKeyJwk")
        if not name.startswith(document.id + PREFIX[KeyKind.LOG]) or not isinstance(jwk, dict):
            continue
        if name not in key_ids and not (formerly and isinstance(method.get("formerly"), list)):
            continue
        if jwk.get("crv") == "Ed25519" and isinstance(jwk.get("x"), str):
            raw = unb64url(jwk["x"])
            if len(raw) == 32:
                keys.append((name not in key_ids, name, raw))
    return [(name, raw) for _, name, raw in sorted(keys, key=lambda entry: entry[0])]


def _methods(document: DidDocument, relationship: str) -> list[dict[str, Any]]:
    """Return the methods of the document, and those embedded under the relationship itself (DID Core §5.3.1)."""
    methods = list(document.raw.get("verificationMethod") or [])
    embedded = document.raw.get(relationship)
    if isinstance(embedded, list):
        methods += [entry for entry in embedded if isinstance(entry, dict)]
    return methods


def _method_ids(document: DidDocument, relationship: str) -> list[str]:
    if not any(document.raw.get(name) for name in _RELATIONSHIPS):
        return [method_id(document.id, method.get("id")) for method in _methods(document, relationship)]
    if relationship == "capabilityInvocation" and relationship not in document.raw:
        relationship = "authentication"
    entries = document.raw.get(relationship)
    if not isinstance(entries, list):
        return []
    names = [entry.get("id") if isinstance(entry, dict) else entry for entry in entries]
    return [method_id(document.id, name) for name in names if isinstance(name, str) and name]


def _public_jwk(method: dict[str, Any]) -> dict[str, Any]:
    jwk = method.get("publicKeyJwk")
    if isinstance(jwk, dict):
        return jwk
    multibase = method.get("publicKeyMultibase")
    if isinstance(multibase, str):
        return jwk_of_multikey(multibase)
    raise Unauthenticated("the key of the DID document has no form that this node reads")


def jwk_of_multikey(text: str) -> dict[str, Any]:
    """Return the JWK for a Multikey (base58btc, multicodec prefix). Raises ``Unauthenticated`` for other kinds."""
    raw = _unbase58(text[1:]) if text.startswith("z") and len(text) <= 128 else b""
    curve = _MULTIKEY.get(raw[:2])
    if curve in ("Ed25519", "X25519") and len(raw) == 34:
        return _okp(curve, raw[2:])
    if curve in ("P-256", "P-384"):
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1() if curve == "P-256" else ec.SECP384R1(), raw[2:]
            ).public_numbers()
        except ValueError as error:
            raise Unauthenticated("the key of the DID document is not a point of its curve") from error
        size = 32 if curve == "P-256" else 48
        x, y = (b64url(number.to_bytes(size, "big")) for number in (point.x, point.y))
        return {"kty": "EC", "crv": curve, "x": x, "y": y}
    raise Unauthenticated("the key of the DID document is of a kind that this node does not take")


def _unbase58(text: str) -> bytes:
    number = 0
    for character in text:
        digit = _BASE58.find(character)
        if digit < 0:
            return b""
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def verify_signature(text: str, signer: DidDocument) -> bytes:
    """Return the payload of a compact JWS, signed by an ``assertionMethod`` key of ``signer`` (DID Core §5.3.2).
    Raises ``InvalidInput`` or ``Unauthenticated``."""
    jws = read_jws(text)
    if jws.kid_did not in (None, signer.id):
        raise InvalidInput("the signature names another signer's key")
    verify_jws(jws, key_for(signer, jws.kid, "assertionMethod"))
    return jws.payload


class OwnDocument:
    """The DID document of this node, made anew each time: another process may have changed its keys a moment ago."""

    def __init__(self, keyring: KeyRing, base: str, *, issuer: bool) -> None:
        self._keyring = keyring
        self._base = base
        self._issuer = issuer

    def __call__(self) -> DidDocument:
        return DidDocument(id=self._keyring.did, raw=build_document(self._keyring, self._base, issuer=self._issuer))
