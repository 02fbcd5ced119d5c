"""Changes of the data of a transfer, as a subscription is told of them, within the part of the agreement.

A stream is followed from a place, so nothing is missed. A context broker is looked at again and again: each
entity that differs from the last look is a change. The first look has all entities.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.errors import InvalidInput, PeerUnreachable, TooLarge
from node.base.jsons import read_json
from node.datasources.entity_forms import fingerprint
from node.datasources.model import DataSource
from node.datasources.ports import DataConnection, Question
from node.datasources.streams.connection import StreamConnection
from node.exchange.offloop import close_stream, off_loop
from node.transfer.live.events import StreamEvent, events_of
from node.transfer.live.reads import ReadDataSource
from node.transfer.notifications.documents import EntityNames, entity_of_observation
from node.transfer.notifications.wishes import SubscriptionWish
from node.transfer.preconditions import Access

LOOK_SECONDS: Final = 2.0
"""Between two looks at the entities of a context broker."""
MOST_ENTITIES: Final = 10_000
_BROKER: Final = "ngsi-ld"
_OTHER_BROKER: Final = "ngsi-v2"
_PAGE: Final = 500
_MOST_BYTES: Final = 8 << 20
_DEEPEST: Final = 60
_CONTEXT: Final = re.compile(r'<([\x21\x23-\x3b\x3d\x3f-\x7e]{1,500})>; rel="http://www\.w3\.org/ns/json-ld#context"')


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChange:
    """An entity that was observed, or has changed; None for what can be no entity. ``place`` is after it, empty if it
    names none. ``context`` is the address of the JSON-LD context of its names, if it is not the core context alone.
    ``is_gap``: changes before it were missed."""

    entity: Mapping[str, Any] | None = field(default=None, repr=False)
    place: str = ""
    context: str = ""
    is_gap: bool = False


class ReadChanges:
    """Reads what subscriptions are told of."""

    def __init__(self, reads: ReadDataSource) -> None:
        self._reads = reads

    async def offers(self, access: Access) -> bool:
        """Return whether anybody can subscribe to these data. Raises ``Gone``."""
        source, connection = await self._reads.look(access)
        return isinstance(connection, StreamConnection) or source.kind == _BROKER

    async def place(self, access: Access) -> str:
        """Return the place after what there is now; empty where there are no places. Raises ``InvalidInput`` if
        nobody can subscribe to these data, and the errors of reading."""
        source, connection = await self._reads.connection(access)
        if isinstance(connection, StreamConnection):
            return (await self._reads.mark(access, connection)).place
        self._require_entities(access, source)
        return ""

    @asynccontextmanager
    async def open(
        self, access: Access, wish: SubscriptionWish, place: str
    ) -> AsyncIterator[AsyncIterator[DataChange]]:
        """Yield the changes after a place, for as long as they come. Raises the errors of reading."""
        source, connection = await self._reads.connection(access)
        if isinstance(connection, StreamConnection):
            mark = await self._reads.mark(access, connection)
            names = EntityNames(stream=access.grant.item, time=mark.time, subject=mark.subject)
            question = self._question(access, path="events", resume=place)
            async with self._reads.read(access, source, connection, question) as extract:
                try:
                    async with aclosing(_observations(extract.chunks, names, wish.type)) as changes:
                        yield changes
                finally:
                    await close_stream(extract.chunks)
            return
        self._require_entities(access, source)
        async with aclosing(self._entities(access, source, connection)) as changes:
            yield changes

    async def _entities(
        self, access: Access, source: DataSource, connection: DataConnection
    ) -> AsyncGenerator[DataChange, None]:
        before: dict[str, str] = {}
        while True:
            present: dict[str, str] = {}
            offset, is_last = 0, False
            while not is_last:
                entities, context, is_last = await self._page(access, source, connection, offset)
                offset += _PAGE
                marks = await off_loop(lambda page: [fingerprint(entity) for entity in page], entities)
                for entity, mark in zip(entities, marks, strict=True):
                    present[entity["id"]] = mark
                    if before.get(entity["id"]) != mark:
                        yield DataChange(entity=entity, context=context)
                if len(present) > MOST_ENTITIES:
                    raise TooLarge(
                        f"a subscription watches at most {MOST_ENTITIES} entities of a context broker",
                        remedy="ask the provider for a part of the entities, or for a stream of them",
                    )
            before = present
            await asyncio.sleep(LOOK_SECONDS)

    async def _page(
        self, access: Access, source: DataSource, connection: DataConnection, offset: int
    ) -> tuple[list[dict[str, Any]], str, bool]:
        """Return entities from ``offset`` on, the context of their names, and whether they are the last ones."""
        parameters = (("limit", str(_PAGE)), *((("offset", str(offset)),) if offset else ()))
        question = self._question(access, path="entities", parameters=parameters, accept="application/json")
        async with self._reads.read(access, source, connection, question) as extract:
            body = b""
            try:
                async for chunk in extract.chunks:
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise TooLarge("a page of the context broker is too large", remedy="ask for a smaller part")
            finally:
                await close_stream(extract.chunks)
            link = extract.headers.get("link", "")
        match = _CONTEXT.search(link)
        entities = await off_loop(lambda: read_json(body, max_depth=_DEEPEST))
        if not isinstance(entities, list) or not all(
            isinstance(entity, dict) and isinstance(entity.get("id"), str) and "type" in entity for entity in entities
        ):
            raise InvalidInput(
                "the agreement does not give the names of the entities, so that nobody can be told which one changed",
                remedy="ask the provider for a part with id and type",
            )
        plain = [{name: value for name, value in entity.items() if name != "@context"} for entity in entities]
        return plain, match[1] if match is not None else "", 'rel="next"' not in link

    def _question(self, access: Access, **members: Any) -> Question:
        return Question(media_type=access.grant.media_type, asset=access.grant.dataset, **members)

    def _require_entities(self, access: Access, source: DataSource) -> None:
        if source.kind == _OTHER_BROKER:
            raise InvalidInput(
                "nobody can subscribe to these data: their context broker speaks NGSIv2 only",
                remedy="read them when you need them, or ask the provider for a stream of them",
            )
        if source.kind != _BROKER:
            raise InvalidInput(
                "nobody can subscribe to these data: they are neither a stream nor entities of a context broker",
                remedy="read them when you need them",
            )


async def _observations(
    chunks: AsyncIterator[bytes], names: EntityNames, type_name: str
) -> AsyncGenerator[DataChange, None]:
    async with aclosing(events_of(chunks)) as events:
        async for event in events:
            if event.name == "observation":
                yield _change(event, names, type_name)
            elif event.name == "gap":
                yield DataChange(is_gap=True)
            elif event.name == "end":
                raise PeerUnreachable(str(event.data.get("reason") or "the stream has ended"))


def _change(event: StreamEvent, names: EntityNames, type_name: str) -> DataChange:
    try:
        return DataChange(entity=entity_of_observation(event.data, names, type_name), place=event.id)
    except InvalidInput:
        return DataChange(place=event.id)
