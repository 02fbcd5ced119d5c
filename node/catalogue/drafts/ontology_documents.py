"""Publish an ontology from a file of RDF that a person sends, or that stands at an address on the web.

The address is read once, by the client that reads all addresses of others (``node.adapters.egress``); nothing that
the document refers to is fetched. What the document does not say (licence, contact) may be added.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urldefrag, urlsplit

from node.base.errors import InvalidInput, PeerUnreachable, TooLarge, TooMany
from node.base.turnstile import Turnstile
from node.cage.model import AsyncCage
from node.catalogue.harvest.source_pages import Answer, Get
from node.catalogue.model import Publication
from node.catalogue.publication.publish import Publish
from node.identity.model import Caller
from node.semantics.description.cage_client import limits_of
from node.semantics.documents import MEDIA_TYPES, N_QUADS
from node.semantics.harvest.refusals import source_fault
from node.semantics.model import Submission

MOST_CALLERS: Final = 16
SECONDS: Final = 60.0
"""Within which the whole document at an address must have come."""
_ACCEPT: Final = (
    "text/turtle, application/rdf+xml;q=0.9, application/ld+json;q=0.8, application/n-triples;q=0.7, */*;q=0.1"
)
_SAME: Final[Mapping[str, str]] = {
    "application/x-turtle": "text/turtle",
    "application/owl+xml": "",
    "application/xml": "application/rdf+xml",
    "text/xml": "application/rdf+xml",
    "application/json": "application/ld+json",
}
"""Media types that servers state for RDF; ``application/owl+xml`` is no RDF."""
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")
_EXAMPLE: Final = "https://vocabularies.example/ns/lamps.ttl"


@dataclass(frozen=True, slots=True, kw_only=True)
class OntologyOrder:
    """An ontology to publish: the document at the address ``url``, or else that in ``chunks`` of the file ``name``.
    ``fields`` are added to its description (as in a steward's YAML)."""

    url: str = ""
    name: str = ""
    chunks: AsyncIterator[bytes] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    conditions: str = ""
    audience: str = ""
    is_trial: bool = False
    allow_breaking: bool = False


class PublishOntology:
    """Publishes ontologies from their documents, a few at a time."""

    def __init__(self, *, publish: Publish, get: Get, cage: AsyncCage, limit: int) -> None:
        """``limit``: bytes of a document."""
        self._publish = publish
        self._get = get
        self._cage = cage
        self.limit = limit
        self._turnstile = Turnstile(
            at_once=2,
            most=MOST_CALLERS,
            refusal=lambda: TooMany("many ontologies are being read just now", remedy="try again in a minute"),
        )

    def require_role(self, caller: Caller) -> None:
        """Raise ``NotAllowed`` for who may not publish: for a check before a long file is read."""
        self._publish.require_role(caller)

    async def __call__(self, order: OntologyOrder, caller: Caller) -> Publication:
        """Publish the ontology, or with ``is_trial`` only check it.

        Raises ``NotAllowed``, ``TooMany``, ``TooLarge``, ``InvalidInput`` for an address or a file that is no RDF,
        ``ForbiddenAddress`` and ``PeerUnreachable`` for the address, and what ``Publish.publish`` raises.
        """
        self.require_role(caller)
        with self._turnstile.admission():
            document, media_type = await self._read(order)
            # Who is slow to send, or reads a slow server, holds no turn.
            async with self._turnstile.turn:
                submission = Submission(
                    kind="ontology",
                    document=document,
                    media_type=media_type,
                    fields=dict(order.fields) or None,
                    conditions={"template": order.conditions} if order.conditions else None,
                    audience=order.audience or None,
                )
                return await self._publish.publish(
                    submission, caller, dry_run=order.is_trial, allow_breaking=order.allow_breaking
                )

    async def _read(self, order: OntologyOrder) -> tuple[bytes, str]:
        if order.url:
            answer = await self._fetch(order.url.strip())
            # Relative addresses in a document are relative to where it stands (RFC 3986 §5.1.3).
            message = {"mediaType": _type_of_answer(answer), "base": answer.url}
            _, (nquads,) = await self._cage.call(
                "semantics.parse", message, [answer.body], limits=limits_of(len(answer.body))
            )
            return nquads, N_QUADS
        if order.chunks is None or not order.name:
            raise InvalidInput("no file was chosen", remedy="choose a file", facts={"case": "no-file"})
        body = bytearray()
        async for chunk in order.chunks:
            body += chunk
            if len(body) > self.limit:
                raise TooLarge(f"the file may have at most {self.limit} bytes", remedy="send a smaller file")
        return bytes(body), type_of_name(order.name)

    async def _fetch(self, url: str) -> Answer:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput("this is no address of the web", remedy=f"write it like {_EXAMPLE}")
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._get(urldefrag(url).url, {"Accept": _ACCEPT}, self.limit)
        except TimeoutError as error:
            raise source_fault(PeerUnreachable, "silent", address=url) from error
        if answer.status != 200:
            raise source_fault(InvalidInput, "status", address=answer.url, status=answer.status)
        return answer


def _type_of_answer(answer: Answer) -> str:
    """Return the syntax of RDF that the answer states; if it states none, that of the ending of its address."""
    header = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    media_type = _SAME.get(header, header)
    if media_type in MEDIA_TYPES:
        return media_type
    ending = PurePosixPath(urlsplit(answer.url).path).suffix.lower()
    guess = _type_of_ending(ending)
    if guess is None or header == "text/html":
        kind = header if _MEDIA_TYPE.fullmatch(header) else "of an unknown type"
        raise InvalidInput(
            f"{answer.url} is no ontology in RDF: it is {kind}",
            remedy=f"name the address of the file itself, like {_EXAMPLE}",
        )
    return guess


def type_of_name(name: str) -> str:
    """Return the syntax of RDF that the name of a file ends with. Raises ``InvalidInput``."""
    media_type = _type_of_ending(PurePosixPath(name).suffix.lower())
    if media_type is None:
        endings = ", ".join(ending for syntax in MEDIA_TYPES.values() for ending in syntax.suffixes)
        raise InvalidInput(
            "the name of the file does not end like one of RDF",
            remedy=f"choose a file that ends in {endings}",
            facts={"case": "no-rdf"},
        )
    return media_type


def _type_of_ending(ending: str) -> str | None:
    return next((kind for kind, syntax in MEDIA_TYPES.items() if ending in syntax.suffixes), None)
