"""The agreement: made from the offer, signed by both, kept by both (DSP 2025-1 §7.2.3, §7.2.4).

The protocol carries the terms and no signature. Each side therefore signs an *envelope* — the agreement's id,
the hash of its canonical form, the hash of its readable document in each language — and sends the compact JWS as
an extra member of the message that carries or verifies the agreement. A connector that does not know the member
ignores it; the agreement then bears one signature.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.ids import new_urn
from node.base.jsons import canonical, digest, read_object
from node.catalogue.model import Record
from node.identity.model import Caller, DidDocument
from node.identity.periods import document_at
from node.identity.ports import KeyRing
from node.negotiation.messages import TERMS
from node.negotiation.model import Negotiation
from node.negotiation.proposal import foreign
from node.policy.odrl import parse

VerifyJws = Callable[[str, DidDocument], bytes]
"""(compact JWS, document of the signer) → payload; raises where the signature does not hold."""

_OFFERS_OWN = frozenset({"@id", "@type", "@context", "target", "assigner", "assignee", "timestamp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A side of an agreement, as its document names it."""

    did: str
    name: str
    contact: str = ""

    def to_json(self) -> dict[str, str]:
        return {"did": self.did, "name": self.name, "contact": self.contact}


def draft(
    negotiation: Negotiation,
    *,
    terms: Mapping[str, Any],
    record: Record,
    provider: Party,
    consumer: Party,
    rulebook: Mapping[str, Any] | None,
    languages: tuple[str, ...],
    at: datetime,
) -> dict[str, Any]:
    """The Agreement that the provider proposes: the ``terms`` of the offer on the table, as this node has written
    them, bound to the asset's version.

    Exactly one target, the dataset; ``assigner`` provides, ``assignee`` consumes (DSP 2025-1 §7.2.3).
    """
    body: dict[str, Any] = {
        "@id": new_urn(),
        "@type": "Agreement",
        "target": negotiation.dataset,
        "assigner": provider.did,
        "assignee": consumer.did,
        "timestamp": stamp(at),
    }
    # All terms of the offer travel on, also those that we do not know; its identity and parties are its own.
    body |= {name: value for name, value in terms.items() if name not in _OFFERS_OWN}
    body[TERMS] = {
        "offer": terms["@id"],
        "provider": provider.to_json(),
        "consumer": consumer.to_json(),
        "asset": {
            "iri": record.iri,
            "title": record.titles,
            "kind": record.kind,
            "version": record.version,
            "sha256": record.sha256,
        },
        "rulebook": dict(rulebook) if rulebook else None,
        "languages": list(languages),
        "sealed": record.sealed or parse(terms).sealed,
    }
    return body


def agreed_version(body: Mapping[str, Any]) -> int | None:
    """The version of the asset that an agreement names; None for one that names none."""
    terms = body.get(TERMS)
    asset = terms.get("asset") if isinstance(terms, Mapping) else None
    version = asset.get("version") if isinstance(asset, Mapping) else None
    return version if isinstance(version, int) else None


def envelope(body: Mapping[str, Any], unsigned: Sequence[str] = (), instead: Sequence[str] = ()) -> dict[str, Any]:
    """What both sides sign over an agreement: without the members ``unsigned``, which it lists, as it lists under
    ``instead`` the agreements that this one replaces."""
    from node.policy.document.articles import document_languages

    signed = {name: value for name, value in body.items() if name not in unsigned}
    # The languages are the peer's word: read through the document's own cap, since each costs a rendering.
    languages = document_languages(signed)
    sha256 = digest(signed)
    envelope_body: dict[str, Any] = {
        "agreement": signed["@id"],
        "sha256": sha256,
        "document": {language: _texts.sha256(signed, sha256, language) for language in languages},
    }
    if unsigned:
        envelope_body["unsigned"] = sorted(unsigned)
    if instead:
        envelope_body["instead"] = list(instead)
    return envelope_body


class _Texts:
    """The hashes of the documents that were rendered last: who signs an agreement verifies the peer's signature over
    the same documents moments before or after."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hashes: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def sha256(self, body: Mapping[str, Any], content: str, language: str) -> str:
        """The hash of the document of ``body``, whose canonical form has the hash ``content``."""
        from node.policy.document.rendering import text_sha256

        known = self._hashes.get((content, language))
        if known is not None:
            return known
        text_hash = text_sha256(body, language)
        with self._lock:
            self._hashes[content, language] = text_hash
            while len(self._hashes) > self._most:
                self._hashes.popitem(last=False)
        return text_hash


_texts: Final = _Texts(1024)


def sign(keyring: KeyRing, body: Mapping[str, Any], unsigned: Sequence[str] = (), instead: Sequence[str] = ()) -> str:
    """Our compact JWS over the envelope of ``body``."""
    return keyring.sign_jws({"typ": "hansa-agreement+jws"}, canonical(envelope(body, unsigned, instead)))


def verify(
    signature: str,
    body: Mapping[str, Any],
    signer: DidDocument,
    verify_jws: VerifyJws,
    *,
    seen: datetime | None = None,
) -> None:
    """Raises ``InvalidInput`` unless ``signature`` is ``signer``'s over this very agreement and its documents. It may
    leave out members of other people that are no part of the policy, where it says so, and name agreements in whose
    place this one stands. The signer's keys are those that it had when the agreement was made; ``seen`` is when a
    source that we trust had the signature, which matters where a key was revoked."""
    payload = read_object(verify_jws(signature, document_at(signer, made_at(body), seen=seen)))
    left_out = payload.get("unsigned", [])
    instead = payload.get("instead", [])
    named = all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in (left_out, instead)
    )
    if not named or not set(left_out) <= foreign(body) or payload != envelope(body, left_out, instead):
        raise InvalidInput(
            "the signature does not belong to this agreement",
            remedy="sign the envelope of the agreement that the message carries",
        )


def made_at(body: Mapping[str, Any]) -> datetime | None:
    """When the agreement was made, as it says itself (DSP 2025-1 §7.2.3); None where it does not."""
    try:
        return moment(str(body.get("timestamp")))
    except ValueError:
        return None


def name_of(caller: Caller) -> str:
    """The legal name that a participant's credentials give it, else its DID."""
    for credential in caller.credentials:
        name = credential.claims.get("legalName") or credential.claims.get("name")
        if isinstance(name, str) and name:
            return name
    return caller.did or "anonymous"


def contact_of(caller: Caller) -> str:
    """The contact that a participant's credentials give, or nothing."""
    for credential in caller.credentials:
        contact = credential.claims.get("contact")
        if isinstance(contact, str):
            return contact
    return ""
