"""What a credential of this node says about its holder, as JSON Schema: what ``credentialSchema`` of the issuer's
metadata points at (DCP 1.0 §6.7)."""

from __future__ import annotations

from typing import Any, Final

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_STATED: Final = ("legalName", "rulebook", "rulebookVersion", "contact")


def schema_url(public_url: str, credential_type: str) -> str:
    """Where the schema of a credential type is served."""
    return f"{public_url.rstrip('/')}/issuer/schemas/{credential_type}"


def subject_schema(public_url: str, credential_type: str) -> dict[str, Any]:
    """The schema of a credential of this type, as ``node.identity.credentials.issuance.claims_of`` makes its subject:
    who it is about, of whom it is a member and in which role; and what its accession has said, where it has."""
    text = {"type": "string", "minLength": 1}
    subject = {
        "type": "object",
        "required": ["id", "memberOf", "role"],
        "properties": {
            "id": {"type": "string", "pattern": "^did:"},
            "memberOf": {"type": "string", "pattern": "^did:"},
            "role": text,
            **dict.fromkeys(_STATED, text),
        },
    }
    return {
        "$schema": _DIALECT,
        "$id": schema_url(public_url, credential_type),
        "title": credential_type,
        "type": "object",
        "required": ["credentialSubject"],
        "properties": {"credentialSubject": subject},
    }
