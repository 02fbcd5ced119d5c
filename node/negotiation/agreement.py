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
from node.vocab.versions import LAST_VERSION

VerifyJws = Callable[[str, DidDocument], bytes]
"""(compact JWS, document of the signer) → payload; raises if the signature is not valid."""

_OFFERS_OWN = frozenset({"@id", "@type", "@context", "target", "assigner", "assignee", "timestamp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A party of an agreement, as the document names it."""

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
    """Return the Agreement that the provider proposes: the ``terms`` of the current offer as this node has written
    them, bound to the asset's version.

    It has exactly one target, the dataset; ``assigner`` provides, ``assignee`` consumes (DSP 2025-1 §7.2.3).
    """
    body: dict[str, Any] = {
        "@id": new_urn(),
        "@type": "Agreement",
        "target": negotiation.dataset,
        "assigner": provider.did,
        "assignee": consumer.did,
        "timestamp": stamp(at),
    }
    # All terms of the offer are copied, also unknown ones; the agreement has its own identity and parties.
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
    """Return the version of the asset that an agreement names, or None if it names none that there can be. It is the
    provider's statement: a provider writes its agreements itself, and a request cannot change this member."""
    terms = body.get(TERMS)
    asset = terms.get("asset") if isinstance(terms, Mapping) else None
    version = asset.get("version") if isinstance(asset, Mapping) else None
    if not isinstance(version, int) or isinstance(version, bool):
        return None
    return version if 0 < version <= LAST_VERSION else None


def envelope(body: Mapping[str, Any], omissions: Sequence[str] = (), instead: Sequence[str] = ()) -> dict[str, Any]:
    """Return the envelope of an agreement, which both sides sign. It leaves out the members ``omissions`` and lists
    their names; ``instead`` lists the agreements that this one replaces."""
    from node.policy.document.articles import document_languages

    members = {name: value for name, value in body.items() if name not in omissions}
    # The peer chooses the languages: the document's own cap limits them, since each costs a rendering.
    languages = document_languages(members)
    sha256 = digest(members)
    envelope_body: dict[str, Any] = {
        "agreement": members["@id"],
        "sha256": sha256,
        "document": {language: _texts.sha256(members, sha256, language) for language in languages},
    }
    if omissions:
        envelope_body["unsigned"] = sorted(omissions)
    if instead:
        envelope_body["instead"] = list(instead)
    return envelope_body


class _Texts:
    """The hashes of the documents rendered last. A node that signs an agreement verifies the peer's signature over
    the same documents moments before or after."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hashes: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def sha256(self, body: Mapping[str, Any], content: str, language: str) -> str:
        """Return the hash of the document of ``body``; ``content`` is the hash of the canonical form of ``body``."""
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


def sign(
    keyring: KeyRing, body: Mapping[str, Any], omissions: Sequence[str] = (), instead: Sequence[str] = ()
) -> str:
    """Return our compact JWS over the envelope of ``body``."""
    return keyring.sign_jws({"typ": "hansa-agreement+jws"}, canonical(envelope(body, omissions, instead)))


def verify(
    signature: str,
    body: Mapping[str, Any],
    signer: DidDocument,
    verify_jws: VerifyJws,
    *,
    first_seen: datetime | None = None,
) -> None:
    """Check that ``signature`` was made by ``signer`` over this agreement and its documents; raises ``InvalidInput``.

    The signature may leave out foreign members that are not part of the policy if it lists them, and may name
    agreements that this one replaces. The signer's keys are those it had when the agreement was made. ``first_seen``
    is when a source that we trust had the signature, which matters if a key was revoked."""
    payload = read_object(verify_jws(signature, document_at(signer, made_at(body), first_seen=first_seen)))
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
    """Return the time at which the agreement was made, as stated in it (DSP 2025-1 §7.2.3), or None."""
    try:
        return moment(str(body.get("timestamp")))
    except ValueError:
        return None


def name_of(caller: Caller) -> str:
    """Return the legal name in a participant's credentials, else its DID."""
    for credential in caller.credentials:
        name = credential.claims.get("legalName") or credential.claims.get("name")
        if isinstance(name, str) and name:
            return name
    return caller.did or "anonymous"


def contact_of(caller: Caller) -> str:
    """Return the contact in a participant's credentials, or an empty string."""
    for credential in caller.credentials:
        contact = credential.claims.get("contact")
        if isinstance(contact, str):
            return contact
    return ""
