"""The meaning of the terms in our credentials: the JSON-LD context inside each credential.

The contexts of the W3C define the terms of the data model, but not the types and claims of our credentials. Without a
definition, a reader that expands JSON-LD drops the type and every claim. The context is in the credential itself: no
reader has to fetch anything, and the meaning of signed data cannot change later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.vocab.namespaces import HANSA_CREDENTIALS

_OF_THE_DATA_MODEL: Final = frozenset(
    {"id", "type", "name", "description", "mediaType", "digestMultibase", "digestSRI", "@context", "@id", "@type"}
)
"""Terms that VC data model 2.0 defines for any object, and protects: they must not be redefined."""

_OF_THE_ELDER_MODEL: Final = frozenset({"id", "type", "@context", "@id", "@type"})
"""The same in VC data model 1.1."""

STATUS_LIST: Final[Mapping[str, Any]] = {
    "StatusList2021Entry": "https://w3id.org/vc/status-list#StatusList2021Entry",
    "statusPurpose": "https://w3id.org/vc/status-list#statusPurpose",
    "statusListIndex": "https://w3id.org/vc/status-list#statusListIndex",
    "statusListCredential": {"@id": "https://w3id.org/vc/status-list#statusListCredential", "@type": "@id"},
}
"""The terms of a status entry of data model 1.1, which are missing in the context of that data model."""


def context_of(credential_type: str, claims: Mapping[str, Any], *, elder: bool = False) -> dict[str, Any]:
    """Return the context of a credential with this type and these claims; ``elder`` for data model 1.1.

    Types and claims are IRIs below one namespace. A DID is a reference, several values are a set, and a structured
    value is kept as JSON.
    """
    terms = _OF_THE_ELDER_MODEL if elder else _OF_THE_DATA_MODEL
    context: dict[str, Any] = dict(STATUS_LIST) if elder else {}
    for name in (credential_type, *claims):
        if name not in terms and ":" not in name:
            context[name] = _meaning(HANSA_CREDENTIALS + name, claims.get(name))
    return context


def _meaning(iri: str, value: Any) -> Any:
    if isinstance(value, str):
        return {"@id": iri, "@type": "@id"} if value.startswith("did:") else iri
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {"@id": iri, "@container": "@set"}
    if isinstance(value, Mapping | list):
        return {"@id": iri, "@type": "@json"}
    return iri
