"""Keys and signatures as the common tools read them: PEM, DER, raw bytes, fingerprints.

Each form is derived from the DID document or the JWS beside it, so that a signature can be checked with openssl
alone. The check of the file includes that the forms match their sources.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from node.base.errors import HansaError, InvalidInput
from node.identity.documents import key_for, log_keys
from node.identity.jose import Jws, public_pem, read_jws
from node.identity.model import DidDocument
from node.identity.periods import document_at

_COMMANDS: Final = {
    "ES256": "openssl dgst -sha256 -verify {key} -signature {signature} {signed}",
    "ES384": "openssl dgst -sha384 -verify {key} -signature {signature} {signed}",
    "RS256": "openssl dgst -sha256 -verify {key} -signature {signature} {signed}",
    "PS256": (
        "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 "
        "-verify {key} -signature {signature} {signed}"
    ),
    "Ed25519": "openssl pkeyutl -verify -pubin -inkey {key} -rawin -in {signed} -sigfile {signature}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachedSignature:
    """A signature without its envelope: the signed bytes, the bytes of the signature, and the algorithm."""

    content: bytes
    signature: bytes
    algorithm: str

    def command(self, key: str, signature: str, text: str) -> str:
        """Return the command that checks the signature, with the names of the three files."""
        return _COMMANDS[self.algorithm].format(key=key, signature=signature, signed=text)


def of_jws(text: str) -> DetachedSignature:
    """Split a compact JWS into its parts. Raises ``InvalidInput``."""
    jws = read_jws(text)
    algorithm = "Ed25519" if jws.alg == "EdDSA" else jws.alg
    return DetachedSignature(content=jws.signing_input, signature=_signature(jws), algorithm=algorithm)


def of_note(note: str, name: str) -> DetachedSignature:
    """Return the signature of the key ``name`` on a signed note (C2SP signed-note). Raises ``InvalidInput``."""
    text, _, lines = note.rpartition("\n\n")
    for line in lines.splitlines():
        signer, _, encoding = line.removeprefix("\u2014 ").partition(" ")
        if signer == name:
            try:
                signature = base64.b64decode(encoding, validate=True)[4:]
            except ValueError as error:
                raise InvalidInput("a signature of the checkpoint is not valid Base64") from error
            return DetachedSignature(content=f"{text}\n".encode(), signature=signature, algorithm="Ed25519")
    raise InvalidInput(f"{name} did not sign the checkpoint")


def _signature(jws: Jws) -> bytes:
    if jws.alg not in ("ES256", "ES384"):
        return jws.signature
    # In RFC 7518 §3.4, R and S are concatenated; openssl reads them as DER.
    half = len(jws.signature) // 2
    r, s = (int.from_bytes(part) for part in (jws.signature[:half], jws.signature[half:]))
    return encode_dss_signature(r, s)


def signing_key(document: DidDocument, jws: str, at: datetime | None) -> dict[str, Any]:
    """Return the key of ``document`` that ``jws`` names and that was in force ``at``, as JWK. Raises
    ``InvalidInput`` or ``Unauthenticated``."""
    signature = read_jws(jws)
    if signature.kid_did not in (None, document.id):
        raise InvalidInput("the signature names the key of another signer")
    return key_for(document_at(document, at), signature.kid, "assertionMethod")


def ledger_key(document: DidDocument) -> tuple[str, bytes] | None:
    """Return the ledger key in use: its id, and raw Ed25519. None if the document names none, as those of other
    connectors."""
    try:
        keys = log_keys(document)
    except HansaError:
        return None
    return keys[0] if keys else None


def pem_of(jwk: dict[str, Any]) -> bytes:
    """Return a public key as PEM. Raises ``InvalidInput``."""
    return public_pem(jwk)


def pem_of_ed25519(raw: bytes) -> bytes:
    """Return a raw Ed25519 key as PEM."""
    return Ed25519PublicKey.from_public_bytes(raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of the key in DER: ``openssl pkey -pubin -in KEY -outform DER | sha256sum``."""
    der = base64.b64decode(b"".join(pem.split(b"\n")[1:-2]))
    return hashlib.sha256(der).hexdigest()


def read_payload(jws: str) -> bytes:
    """Return the payload of a compact JWS without verifying it. Raises ``InvalidInput``."""
    return read_jws(jws).payload
