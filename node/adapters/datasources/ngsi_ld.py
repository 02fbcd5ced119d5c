"""Context brokers (NGSI-LD, ETSI GS CIM 009) as a data source: the types of their entities are the items.

Readers get entities of one type, as they are now and through time. The type, the tenant and the context of names are
the node's: nothing that a reader sends changes them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from node.adapters.datasources import entity_documents as documents
from node.adapters.datasources.entity_calls import EntityCalls
from node.adapters.datasources.entity_portions import KINDS, EntityPortion
from node.adapters.datasources.entity_questions import (
    PARAMETERS,
    Address,
    Place,
    Wish,
    address_of,
    is_type,
    no_entity,
)
from node.adapters.datasources.entity_sinks.deposits import EntityDeposits
from node.adapters.datasources.entity_sinks.operations import Operations
from node.adapters.datasources.entity_sinks.receipts import HEAD, PART
from node.adapters.datasources.entity_subscriptions import (
    EntityNotices,
    EntitySubscriptions,
    check_topic,
    open_notices,
)
from node.adapters.datasources.requests import check_address, credential_headers, document
from node.adapters.egress.client import Egress
from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput, NotFound
from node.base.jsons import read_json
from node.cage.model import AsyncCage
from node.datasources.entity_reader import EntityReader
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.datasources.sinks import Note, Parcel
from node.exchange.offloop import off_loop, once

TENANT: Final = "tenant"
"""The option for brokers with several tenants."""
CONTEXT: Final = "context"
"""The option for the address of the JSON-LD context that gives types and attributes their short names."""
MOST_PAGE: Final = 8 << 20
"""The largest page of entities, in bytes. A page takes about fifteen times as much memory while it is checked."""
PLACES: Final = 8
_MOST_DOCUMENT: Final = 4 << 20
_MOST_COUNTS: Final = 20
_TENANT: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,200}", re.ASCII)
_CONTEXT: Final = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x7e]{1,190}", re.ASCII)
_COUNT: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_PERIOD: Final = re.compile(r"DateTime [0-9TZ:.+-]{10,80}/(?:[0-9]{1,9}|\*)", re.ASCII)
_HISTORY: Final = "temporal/"
_QUESTIONS: Final = tuple(name for name in PARAMETERS[Place.HISTORIES] if name != "type")


@dataclass(frozen=True, slots=True)
class _Document:
    """An answer of the broker. ``mentions_broker`` is false if no address in it can be the broker's."""

    content: Any
    headers: Mapping[str, str]
    mentions_broker: bool


class NgsiLdConnector:
    """``node.datasources.ports.Connector`` for context brokers."""

    kind = "ngsi-ld"
    options: tuple[str, ...] = (TENANT, CONTEXT)

    def __init__(self, egress: Egress, cage: AsyncCage, *, base: str, clock: Clock) -> None:
        """``cage`` reads the files that are sent to a broker; ``base`` is the public address of this node, to which
        brokers send notifications."""
        self._egress = egress
        self._base = base
        self._clock = clock
        self._reader = EntityReader(cage)

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)
        if TENANT in setup.options and not _TENANT.fullmatch(setup.options[TENANT]):
            raise InvalidInput("this is no name of a tenant", remedy="such as --option tenant=city")
        if CONTEXT in setup.options and not _CONTEXT.fullmatch(setup.options[CONTEXT]):
            raise InvalidInput(
                "the context is no web address", remedy="such as --option context=https://data.example/context.jsonld"
            )

    def connect(self, setup: Setup) -> DataConnection:
        self.check(setup)
        return NgsiLdConnection(self._egress, setup, self._reader, base=self._base, clock=self._clock)


class NgsiLdConnection:
    """A connection to a context broker."""

    def __init__(self, egress: Egress, setup: Setup, reader: EntityReader, *, base: str, clock: Clock) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address)
        self._headers = {**credential_headers(setup.credentials), "Accept": documents.JSON}
        self._context = setup.options.get(CONTEXT, "")
        if self._context:
            self._headers["Link"] = documents.context_link(self._context)
        if TENANT in setup.options:
            self._headers["NGSILD-Tenant"] = setup.options[TENANT]
        batches = EntityCalls(egress, self._address, self._headers, patience=60.0, most=16 << 20)
        self._deposits = EntityDeposits(Operations(batches), reader)
        calls = EntityCalls(egress, self._address, self._headers, patience=30.0, most=8 << 20)
        self._subscriptions = EntitySubscriptions(calls, context=self._context, base=base, clock=clock)

    @property
    def abilities(self) -> Abilities:
        return Abilities(questions=_QUESTIONS, portions=KINDS, places=PLACES)

    async def items(self, limit: int) -> Sequence[Item]:
        try:
            details = (("details", "true"),)
            source = await self._read("types", details, is_question=True, most=_MOST_DOCUMENT)
        except InvalidInput:
            source = await self._read("types", most=_MOST_DOCUMENT)
        except NotFound as error:
            raise _no_types() from error
        types = _types(source.content)
        names = [name for name in types if is_type(name) and name not in (HEAD, PART)][:limit]
        if types and not names:
            raise DataSourceUnreachable(
                "the broker gives its types no short names",
                remedy="name the context of your data: hansa source add … --option context=https://…",
            )
        counts = await asyncio.gather(*(self._count(name) for name in names[:_MOST_COUNTS]))
        return [
            Item(path=name, title=types[name], media_type=documents.JSON_LD, entries=count)
            for name, count in zip(names, [*counts, *[None] * len(names)], strict=False)
        ]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if not is_type(item):
            raise NotFound("the data source has no such type of entities", remedy="hansa source test lists them")
        address = address_of(question.path)
        view = EntityPortion(question.portion)
        wish = view.wish(address.place, question.parameters, item)
        if address.identifier and not view.shows_ids:
            raise no_entity()
        media_type = _media_type(question)
        if not question.wants_body:
            # Whatever the broker answers would tell of the data, and no read would be counted.
            yield Extract(media_type=media_type, chunks=once(b""))
            return
        source = await self._fetch(view, address, wish, item)
        content, source_headers = source.content, source.headers
        if source.mentions_broker:
            content = await off_loop(documents.replace_addresses, content, self._address, question.base)
        contexts = [name for name in (self._context, documents.CORE_CONTEXT) if name]
        body = await off_loop(documents.write, content, contexts if media_type == documents.JSON_LD else ())
        place = f"{question.base}/{address.place.value}"
        links = [documents.context_link(contexts[0])] if media_type == documents.JSON else []
        if address.place.is_list:
            links += documents.page_links(source_headers.get("link", ""), wish, place, media_type)
        headers = {"link": ", ".join(links)} if links else {}
        count = source_headers.get("ngsild-results-count", "")
        if wish.wants_count and _COUNT.fullmatch(count):
            headers["ngsild-results-count"] = count
        if period := source_headers.get("content-range", ""):
            headers["content-range"] = _require_period(period)
        yield Extract(media_type=media_type, chunks=once(body), size=len(body), total=len(body), headers=headers)

    def check_topic(self, topic: str) -> None:
        check_topic(topic)

    def listen(self, topic: str, session: str) -> AbstractAsyncContextManager[EntityNotices]:
        return open_notices(self._subscriptions, topic, session)

    async def forget(self, session: str) -> None:
        await self._subscriptions.end(session)

    @property
    def is_replacing(self) -> bool:
        return True

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        del note  # The broker keeps the record of what was sent.
        return await self._deposits.deposit(parcel)

    async def abandon(self, parcel: Parcel) -> None:
        await self._deposits.abandon(parcel)

    async def remove(self, path: str, sha256: str) -> bool:
        return await self._deposits.remove(path, sha256)

    async def _fetch(self, view: EntityPortion, address: Address, wish: Wish, item: str) -> _Document:
        """Return what the broker answers, each entity of it checked and narrowed."""
        try:
            is_question = not view.leaves_out
            answer = await self._read(address.path, wish.to_source, is_question=is_question, most=MOST_PAGE)
        except NotFound as error:
            if not address.place.is_list:
                raise no_entity() from error
            raise NotFound(
                "the data source keeps no history of entities"
                if address.place.is_history
                else "there are no entities",
                remedy="ask for …/entities, or ask its steward: hansa source test",
            ) from error
        source = answer.content
        if address.place.is_list:
            page = documents.entities(source, item)
            return replace(answer, content=await off_loop(_narrow, view, page, wish))
        if not documents.is_entity(source, item) or source["id"] != address.identifier:
            raise no_entity()
        if (entity := view.entity(source, wish)) is None:
            raise no_entity()
        return replace(answer, content=entity)

    async def _count(self, name: str) -> int | None:
        """Return how many entities of a type there are; None if the broker does not say."""
        try:
            source = (await self._read(f"types/{quote(name, safe='')}", most=_MOST_DOCUMENT)).content
        except HansaError:
            return None
        count = source.get("entityCount") if isinstance(source, Mapping) else None
        return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None

    async def _read(
        self, path: str, parameters: tuple[tuple[str, str], ...] = (), *, is_question: bool = False, most: int
    ) -> _Document:
        """Return a document of the broker. ``is_question``: it is a reader's, who may be wrong."""
        query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        body, extract = await document(
            self._egress,
            f"{self._address}{path}{query}",
            self._headers,
            most=most,
            parameters=is_question,
            headers_kept=("link", "ngsild-results-count", *(["content-range"] if path.startswith(_HISTORY) else [])),
        )
        plain = extract.media_type.partition(";")[0].strip().lower()
        try:
            if plain not in (documents.JSON, documents.JSON_LD):
                raise InvalidInput("the media type is another one", remedy="send JSON")
            content = await off_loop(read_json, body)
        except InvalidInput as error:
            raise DataSourceUnreachable(
                "the data source answers with something other than JSON that this node reads",
                remedy="ask its steward: hansa source test",
            ) from error
        # A backslash can hide an address, in another spelling of its characters.
        return _Document(content, extract.headers, self._address.encode() in body or b"\\" in body)


def _narrow(view: EntityPortion, page: Sequence[Mapping[str, Any]], wish: Wish) -> list[dict[str, Any]]:
    return [entity for entry in page if (entity := view.entity(entry, wish)) is not None]


def _require_period(header: str) -> str:
    """Return the period of a history that is given only in part (clause 6.3.10)."""
    if not _PERIOD.fullmatch(header):
        raise DataSourceUnreachable("the data source sends a part that this node did not ask for")
    return header


def _types(source: Any) -> dict[str, str]:
    """Return the types that a broker lists, with the names of their attributes if it gives them (clauses 4.5.10 and
    4.5.11)."""
    entries = source.get("typeList") if isinstance(source, Mapping) else source
    if not isinstance(entries, list):
        raise _no_types()
    types: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, str):
            types.setdefault(entry, "")
        elif isinstance(entry, Mapping) and isinstance(name := entry.get("typeName", entry.get("id")), str):
            stated = entry.get("attributeNames")
            attributes = [str(attribute) for attribute in stated] if isinstance(stated, list) else []
            types.setdefault(name, ", ".join(attributes)[:200])
    return types


def _no_types() -> DataSourceUnreachable:
    return DataSourceUnreachable(
        "the data source has no list of types", remedy="check the address: it ends with /ngsi-ld/v1"
    )


def _media_type(question: Question) -> str:
    """Return the form of JSON that the reader takes: with the context in the body, or in a header."""
    for entry in question.accept.split(","):
        plain = entry.partition(";")[0].strip().lower()
        if plain in (documents.JSON, documents.JSON_LD):
            return plain
    plain = question.media_type.partition(";")[0].strip().lower()
    return documents.JSON_LD if plain == documents.JSON_LD else documents.JSON
