"""The JSON Schema of the claims in credentials of this node: the target of ``credentialSchema`` in the issuer's
metadata (DCP 1.0 §6.7)."""

from __future__ import annotations

from typing import Any, Final

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_STATED: Final = ("legalName", "rulebook", "rulebookVersion", "contact")


def schema_url(public_url: str, credential_type: str) -> str:
    """Return the address of the schema of a credential type."""
    return f"{public_url.rstrip('/')}/issuer/schemas/{credential_type}"


def subject_schema(public_url: str, credential_type: str) -> dict[str, Any]:
    """Return the schema of a credential of this type, for the subject from
    ``node.identity.credentials.issuance.claims_of``: the holder, the region that it is a member of, its role, and
    statements of its accession, if any."""
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
