"""DCP 1.0 messages, scopes and media types, which both sides of the protocol use.

DCP messages are designed so that compacted JSON-LD is plain JSON (DCP 1.0 §4.1), so they are read as JSON; the
discriminator is ``type``. Unknown members are ignored, since other connectors add their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, RemoteFault
from node.vocab.namespaces import DCP, HANSA

CONTEXT: Final = f"{DCP}dcp.jsonld"
VC1_CONTEXT: Final = "https://www.w3.org/2018/credentials/v1"
VC2_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
ACCESSION: Final = f"{HANSA}accession"
SIGNATURE: Final = f"{HANSA}signature"
WALLET_MARK: Final = f"{HANSA}wallet"
REVOKED_SINCE: Final = f"{HANSA}revokedSince"

BY_TYPE: Final = "org.eclipse.dspace.dcp.vc.type"
BY_ID: Final = "org.eclipse.dspace.dcp.vc.id"
_ALIASES: Final = {BY_TYPE: BY_TYPE, BY_ID: BY_ID, "org.eclipse.edc.vc.type": BY_TYPE, "org.eclipse.edc.vc.id": BY_ID}
_OPERATION = re.compile(r":(?:read|write|all|\*)$")

VC20: Final = "vc20-bssl/jwt"
"""VC data model 2.0, Bitstring status list, enveloped as JOSE (DCP 1.0, profile of appendix A)."""

VC11: Final = "vc11-sl2021/jwt"
"""VC data model 1.1, StatusList2021, external JWT proof."""

FORMATS: Final = frozenset({VC20, VC11, "jwt", "VC1_0_JWT", "VC2_0_JOSE"})
"""Formats of a credential container that we read: profile aliases, the specification's ``jwt``, EDC's names."""


class NotSupported(RemoteFault):
    """The request is correct, but this node does not offer this part of the protocol."""

    code = "not-supported"
    status = 501
    title = "This node does not offer that"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope, which requests credentials of a type (``BY_TYPE``) or one credential by its id (``BY_ID``)."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}:read"


def type_scope(credential_type: str) -> str:
    """Return the scope for a credential type, in the form with three parts, which all verifiers in use understand."""
    return str(Scope(BY_TYPE, credential_type))


def read_scope(text: Any) -> Scope:
    """Read a scope with two or three parts (DCP 1.0 §5.4.1.2). Raises ``InvalidInput`` for unknown aliases.

    An id may contain colons, so the alias ends at the first colon, and an operation is only read from the end.
    """
    alias, colon, rest = text.partition(":") if isinstance(text, str) else ("", "", "")
    kind = _ALIASES.get(alias)
    value = _OPERATION.sub("", rest)
    if kind is None or not colon or not value:
        raise InvalidInput("a scope is not understood", remedy=f"ask for {BY_TYPE}:<type>:read or {BY_ID}:<id>:read")
    return Scope(kind, value)


def covered_scopes(scopes: Iterable[Scope], grants: Iterable[Scope]) -> tuple[Scope, ...]:
    """Return the ``scopes`` that are in ``grants``; the value ``*`` grants every type."""
    granted_scopes = set(grants)
    everything = Scope(BY_TYPE, "*") in granted_scopes
    return tuple(scope for scope in dict.fromkeys(scopes) if everything or scope in granted_scopes)


def check_type(message: dict[str, Any], name: str) -> None:
    """Check that ``message`` has the type ``name``. Raises ``InvalidInput``."""
    kind = message.get("type", message.get("@type"))
    if kind not in (name, f"{DCP}{name}") and kind != [name]:
        raise InvalidInput(f"expected a {name}", remedy=f'set "type" to "{name}"')


def text_member(message: dict[str, Any], name: str) -> str:
    """Return a required text member. Raises ``InvalidInput`` if it is missing, empty or too long."""
    value = message.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 1024:
        raise InvalidInput(f"{name} is missing or not a text of at most 1024 characters")
    return value


def list_member(message: dict[str, Any], name: str, *, limit: int = 20) -> list[Any]:
    """Return a required list of 1 to ``limit`` entries. Raises ``InvalidInput``."""
    value = message.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= limit:
        raise InvalidInput(f"{name} must be a list of 1 to {limit} entries")
    return value


def presentation_query(scopes: Sequence[str]) -> dict[str, Any]:
    """PresentationQueryMessage (DCP 1.0 §5.4.1)."""
    return {"@context": [CONTEXT], "type": "PresentationQueryMessage", "scope": list(scopes)}


def presentation_response(presentations: Sequence[str]) -> dict[str, Any]:
    """PresentationResponseMessage (DCP 1.0 §5.4.2)."""
    return {
        "@context": [CONTEXT],
        "type": "PresentationResponseMessage",
        "presentation": list(presentations),
    }


def credential_request(holder_pid: str, ids: Sequence[str], **extra: Any) -> dict[str, Any]:
    """CredentialRequestMessage (DCP 1.0 §6.4.1) with extra members under full IRIs."""
    return {
        "@context": [CONTEXT],
        "type": "CredentialRequestMessage",
        "holderPid": holder_pid,
        "credentials": [{"id": credential_id} for credential_id in ids],
        **extra,
    }


def credential_message(
    *,
    issuer_pid: str,
    holder_pid: str,
    credentials: Sequence[tuple[str, str, str]] = (),
    rejection: str | None = None,
) -> dict[str, Any]:
    """CredentialMessage (DCP 1.0 §6.5.1): credentials as (type, payload, format), or a rejection with its reason."""
    message: dict[str, Any] = {
        "@context": [CONTEXT],
        "type": "CredentialMessage",
        "issuerPid": issuer_pid,
        "holderPid": holder_pid,
        "status": "ISSUED" if rejection is None else "REJECTED",
    }
    if rejection is None:
        message["credentials"] = [
            {"credentialType": kind, "payload": payload, "format": form} for kind, payload, form in credentials
        ]
    else:
        message["rejectionReason"] = rejection
    return message


def credential_status(*, issuer_pid: str, holder_pid: str, status: str) -> dict[str, Any]:
    """CredentialStatus (DCP 1.0 §6.8)."""
    return {
        "@context": [CONTEXT],
        "type": "CredentialStatus",
        "issuerPid": issuer_pid,
        "holderPid": holder_pid,
        "status": status,
    }


def issuer_metadata(issuer: str, credentials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """IssuerMetadata (DCP 1.0 §6.7)."""
    return {
        "@context": [CONTEXT],
        "type": "IssuerMetadata",
        "issuer": issuer,
        "credentialsSupported": list(credentials),
    }
