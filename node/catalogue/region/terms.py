"""The terms of a region, read before a person accepts them: the text of its rulebook, and its credentials.

The text is the canonical form of the record. Its hash must be the hash that the region states for this version, and
everything that a person reads of the rulebook comes from this text, so that it is what the application names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from anyio.to_thread import run_sync

from node.base.errors import InvalidInput, PeerUnreachable
from node.catalogue.nquads import Statement, iri_term, is_literal, language_of, statements, text_of
from node.identity.did import did_of
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.description.forms import Form
from node.semantics.description.rulebook_fields import RULEBOOK
from node.semantics.documents import N_QUADS
from node.vocab.namespaces import DCT

GetJson = Callable[[str], Awaitable[dict[str, Any]]]
"""Reads a JSON document of another node through the node's guarded egress. Raises ``PeerUnreachable``."""

GetContent = Callable[[str, str], Awaitable[bytes]]
"""(address, media type) → the content there, through the guarded egress. Raises ``PeerUnreachable``."""

_MOST_TYPES: Final = 100
_LONGEST: Final = 200
_PROPERTIES: Final = frozenset(known.property for known in RULEBOOK if known.property)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedRulebook:
    """A version of a region's rulebook. ``nquads`` is its text, empty like title and description as long as
    nobody asked for it."""

    iri: str
    version: int
    sha256: str
    publisher: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    nquads: bytes = b""

    @property
    def note(self) -> dict[str, Any]:
        """Return the members that a node keeps of the rulebook that it accepted."""
        return {"iri": self.iri, "version": self.version, "sha256": self.sha256, "publisher": self.publisher}

    @classmethod
    def read(cls, offer: OfferedRulebook, nquads: bytes) -> OfferedRulebook:
        """Return ``offer`` with its text, and with title and description as this text has them.

        Raises ``InvalidInput`` if ``nquads`` are no statements, or say nothing about this rulebook.
        """
        own = [statement for statement in statements(nquads) if statement.subject == iri_term(offer.iri)]
        if not any(statement.predicate.strip("<>") in _PROPERTIES for statement in own):
            raise InvalidInput("the statements say nothing about the rulebook")
        return replace(
            offer,
            nquads=nquads,
            titles=_literals(own, f"{DCT}title"),
            descriptions=_literals(own, f"{DCT}description"),
        )

    def sections(self) -> dict[str, dict[str, str]]:
        """Return the parts of the text by the name of their field: language tag → text. Raises ``InvalidInput``."""
        names = {known.property: known.name for known in RULEBOOK if known.form is not Form.NODE and known.property}
        subject, texts = iri_term(self.iri), dict[str, dict[str, str]]()
        for statement in statements(self.nquads):
            name = names.get(statement.predicate.strip("<>"))
            if name is None or statement.subject != subject:
                continue
            is_text = is_literal(statement.object)
            tag = language_of(statement.object) if is_text else ""
            texts.setdefault(name, {})[tag or "en"] = (
                text_of(statement.object) if is_text else statement.object.strip("<>")
            )
        return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionTerms:
    """The address and DID of a region, the types of credentials that it issues, and its newest rulebook, if any."""

    address: str
    did: str
    credential_types: tuple[str, ...]
    rulebook: OfferedRulebook | None

    def to_json(self) -> dict[str, Any]:
        """Return the terms with the text of the rulebook. Raises ``InvalidInput`` if it is not readable."""
        rulebook = self.rulebook
        return {
            "address": self.address,
            "did": self.did,
            "credentials": list(self.credential_types),
            "rulebook": None
            if rulebook is None
            else {
                **rulebook.note,
                "titles": rulebook.titles,
                "descriptions": rulebook.descriptions,
                "text": rulebook.sections(),
            },
        }


class ReadRegion:
    """Reads the terms of a region at its address, as anybody may read them."""

    def __init__(self, *, get_json: GetJson, get_content: GetContent, address: Callable[[str], str]) -> None:
        self._get_json = get_json
        self._get_content = get_content
        self._address = address

    async def terms(self, region: str, by: Caller) -> RegionTerms:
        """Return the terms of ``region`` (its address or its DID), with the text of its rulebook.

        Raises ``NotAllowed``, ``PeerUnreachable``, and ``InvalidInput`` if the address is not a node's.
        """
        require(by, UseCase.JOIN)
        terms = await self.read(region)
        rulebook = terms.rulebook
        if rulebook is None:
            return terms
        address = f"{rulebook.iri}?{urlencode({'version': rulebook.version})}"
        nquads = await self._get_content(address, N_QUADS)
        remedy = "try again; if this stays so, ask the operator of the region"
        if hashlib.sha256(nquads).hexdigest() != rulebook.sha256:
            raise PeerUnreachable(
                f"{terms.address} does not show the text of the rulebook that it names", remedy=remedy
            )
        try:
            return replace(terms, rulebook=await run_sync(OfferedRulebook.read, rulebook, nquads))
        except InvalidInput as error:
            raise PeerUnreachable(
                f"{terms.address} does not show its rulebook in a form that this node can read: {error.detail}",
                remedy=remedy,
            ) from error

    async def read(self, region: str) -> RegionTerms:
        """Return the terms of ``region`` without the text of its rulebook. Raises ``PeerUnreachable``, and
        ``InvalidInput`` if the address is not a node's."""
        base = self._base(region)
        did = did_of(base)
        metadata = await self._get_json(f"{base}/issuer/metadata")
        if metadata.get("issuer") != did:
            raise PeerUnreachable(
                f"{base} does not answer as the issuer {did}",
                remedy="check the address of the region, and try again later",
            )
        entries = metadata.get("credentialsSupported")
        types = [
            str(entry["credentialType"])
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("credentialType"), str)
        ]
        return RegionTerms(
            address=base,
            did=did,
            credential_types=tuple(dict.fromkeys(kind[:_LONGEST] for kind in types))[:_MOST_TYPES],
            rulebook=await self._rulebook(base),
        )

    def _base(self, region: str) -> str:
        text = region.strip().rstrip("/")
        if not text:
            raise InvalidInput(
                "the address of the region is missing", remedy="give one such as https://region.example"
            )
        if text.startswith("did:"):
            return self._address(text)
        return text if "://" in text else f"https://{text}"

    async def _rulebook(self, base: str) -> OfferedRulebook | None:
        """The region's newest rulebook, as its catalogue shows it to everybody."""
        answer = await self._get_json(
            f"{base}/api/catalogue/search?{urlencode({'kind': 'rulebook', 'sort': 'newest'})}"
        )
        rows = answer.get("hits")
        hits = [
            str(hit["iri"])
            for hit in (rows if isinstance(rows, list) else [])
            if isinstance(hit, dict) and str(hit.get("iri", "")).startswith(f"{base}/")
        ]
        if not hits:
            return None
        record = await self._get_json(f"{base}/api/catalogue/record?{urlencode({'iri': hits[0]})}")
        version, sha256 = record.get("version"), record.get("sha256")
        if record.get("iri") != hits[0] or not isinstance(version, int) or not isinstance(sha256, str):
            raise PeerUnreachable(f"{base} does not describe its rulebook", remedy="ask the operator of the region")
        return OfferedRulebook(
            iri=hits[0],
            version=version,
            sha256=sha256,
            publisher=str(record.get("publisherName") or ""),
        )


def _literals(statements_of_subject: Sequence[Statement], predicate: str) -> dict[str, str]:
    """Return language tag → text of the literals under ``predicate``."""
    literals = [known.object for known in statements_of_subject if known.predicate == f"<{predicate}>"]
    return {language_of(text) or "en": text_of(text) for text in literals if is_literal(text)}
