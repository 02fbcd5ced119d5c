"""Subscriptions of this node at a context broker, over NGSI-LD (ETSI GS CIM 009, clauses 5.8 and 6.10) or NGSIv2
(``node.adapters.datasources.ngsi_v2_subscriptions``).

A broker sends notifications to an address of this node and repeats none. So a session looks after its subscription:
it is made with an end, which is put off; it is made again when it is gone; and after each gap, such as an error that
the broker noted, the entities are read as they are now. What the stream has already is not stored twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from node.adapters.datasources.entity_calls import EntityCalls, content_of
from node.adapters.datasources.entity_documents import JSON
from node.adapters.datasources.entity_questions import is_type
from node.adapters.egress.client import Answer
from node.base.clock import Clock, stamp
from node.base.errors import InvalidInput
from node.datasources.brokers.model import MOST_PAYLOAD, Message
from node.datasources.errors import DataSourceRefuses, DataSourceUnreachable
from node.vocab.notices import notices_address

CHECK_SECONDS: Final = 30.0
"""Between two looks at a subscription."""
_LASTS: Final = timedelta(hours=1)
_RENEWED: Final = timedelta(minutes=20)
_PAGE: Final = 100
_MOST_PAGES: Final = 250
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}", re.ASCII)
_OWN_TIMES: Final = ("createdAt", "modifiedAt")


class Subscriptions(Protocol):
    """Subscriptions at one broker, in the words of its protocol. The methods that call it raise
    ``DataSourceUnreachable`` (``DataSourceRefuses``) and ``ForbiddenAddress``."""

    calls: EntityCalls
    clock: Clock

    async def make(self, topic: str, session: str, ends: datetime) -> str:
        """Make the subscription of a session, in place of one from before. Return its path at the broker."""

    async def end(self, session: str) -> None:
        """Delete the subscription of a session; one that is not there is no error."""

    def has_ended(self, state: Mapping[str, Any]) -> bool:
        """Return whether a subscription in this state notifies no more."""

    def renewal(self, ends: datetime) -> dict[str, Any]:
        """Return the change of a subscription that puts off its end."""

    def page(self, type_name: str, first: int, most: int) -> str:
        """Return the path of ``most`` entities of a type, from the ``first`` on, with the times of their changes."""

    def notification(self, session: str, entity: Mapping[str, Any]) -> dict[str, Any]:
        """Return an entity that was read as the notification of its last change: what was stored is known by it."""


def check_topic(topic: str) -> None:
    """Raise ``InvalidInput`` unless ``topic`` is a type, or a type with the attributes that are watched."""
    type_name, names = parts_of(topic)
    if not is_type(type_name) or topic.endswith("/") or not all(_ATTRIBUTE.fullmatch(name) for name in names):
        raise InvalidInput(
            f"{topic[:80]!r} is no type of entities", remedy="such as TrafficCounter, or TrafficCounter/count"
        )


def parts_of(topic: str) -> tuple[str, list[str]]:
    """Return the type of a topic, and the attributes that are watched; none of them: all."""
    type_name, _, attributes = topic.partition("/")
    return type_name, attributes.split(",") if attributes else []


@asynccontextmanager
async def open_notices(broker: Subscriptions, topic: str, session: str) -> AsyncIterator[EntityNotices]:
    """Subscribe, and look after the subscription until the context is left. Raises the errors of the broker."""
    notices = EntityNotices(broker, topic, session)
    await notices.subscribe()
    yield notices


class EntitySubscriptions:
    """Subscriptions at a broker that speaks NGSI-LD. ``context`` is that of its names; ``base`` is the public address
    of this node."""

    def __init__(self, calls: EntityCalls, *, context: str, base: str, clock: Clock) -> None:
        self.calls = calls
        self._context = context
        self._base = base
        self.clock = clock

    async def make(self, topic: str, session: str, ends: datetime) -> str:
        path, body = f"subscriptions/{name_of(session)}", self._subscription(topic, session, ends)
        answer = await self.calls.call("POST", "subscriptions", body)
        if answer.status == 409:
            # That of this session, from before: it may be paused, or have another address or an end.
            require_status(await self.calls.call("DELETE", path), 200, 204, 404)
            answer = await self.calls.call("POST", "subscriptions", body)
        require_status(answer, 201)
        return path

    async def end(self, session: str) -> None:
        require_status(await self.calls.call("DELETE", f"subscriptions/{name_of(session)}"), 200, 204, 404)

    def has_ended(self, state: Mapping[str, Any]) -> bool:
        return state.get("isActive") is False or state.get("status") == "expired"

    def renewal(self, ends: datetime) -> dict[str, Any]:
        return {"expiresAt": stamp(ends)}

    def page(self, type_name: str, first: int, most: int) -> str:
        pairs = {"type": type_name, "limit": most, "offset": first, "options": "sysAttrs"}
        return f"entities?{urlencode(pairs)}"

    def notification(self, session: str, entity: Mapping[str, Any]) -> dict[str, Any]:
        content = {name: _without_times(value) for name, value in entity.items() if name not in _OWN_TIMES}
        moment = next((entity[name] for name in reversed(_OWN_TIMES) if isinstance(entity.get(name), str)), "")
        return {
            "id": f"{name_of(session)}:read",
            "type": "Notification",
            "subscriptionId": name_of(session),
            "notifiedAt": moment or stamp(self.clock.now()),
            "data": [content],
        }

    def _subscription(self, topic: str, session: str, ends: datetime) -> dict[str, Any]:
        """Return the subscription as NGSI-LD has it (clause 5.2.12)."""
        type_name, names = parts_of(topic)
        return {
            "id": name_of(session),
            "type": "Subscription",
            "entities": [{"type": type_name}],
            **({"watchedAttributes": names} if names else {}),
            "notification": {
                "format": "normalized",
                "endpoint": {"uri": notices_address(self._base, session), "accept": JSON},
            },
            "expiresAt": stamp(ends),
            **({"jsonldContext": self._context} if self._context else {}),
        }


class EntityNotices:
    """A session: what it gives are the entities after a gap. Notifications come to the node by another door."""

    is_lasting = True

    def __init__(self, broker: Subscriptions, topic: str, session: str) -> None:
        self._broker = broker
        self._clock = broker.clock
        self._topic = topic
        self._session = session
        self._path = ""
        self._ends = self._clock.now()
        self._failure = ""
        self._page: int | None = None

    async def subscribe(self) -> None:
        """Make the subscription, or take over the one that is there; then the entities are read."""
        self._ends = self._clock.now() + _LASTS
        self._path = await self._broker.make(self._topic, self._session, self._ends)
        self._page = 0

    async def messages(self) -> Sequence[Message]:
        """Return the next entities after a gap; else look after the subscription until there is one."""
        while True:
            while self._page is not None:
                if messages := await self._entities(self._page):
                    return messages
            await asyncio.sleep(CHECK_SECONDS)
            await self._check()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """The broker keeps nothing."""

    async def _check(self) -> None:
        state = await read(self._broker.calls, self._path)
        if not isinstance(state, Mapping) or self._broker.has_ended(state):
            await self.subscribe()
            return
        if self._ends - self._clock.now() < _LASTS - _RENEWED:
            ends = self._clock.now() + _LASTS
            answer = await self._broker.calls.call("PATCH", self._path, self._broker.renewal(ends))
            if answer.status == 404:
                await self.subscribe()
                return
            require_status(answer, 200, 204)
            self._ends = ends
        notification = state.get("notification")
        failure = str(notification.get("lastFailure", "")) if isinstance(notification, Mapping) else ""
        if failure != self._failure:
            self._failure, self._page = failure, 0

    async def _entities(self, page: int) -> list[Message]:
        """Return a page of the entities as notifications; note that there are no more after the last one."""
        type_name, _ = parts_of(self._topic)
        entities = await read(self._broker.calls, self._broker.page(type_name, page * _PAGE, _PAGE))
        entities = [] if entities is None else entities
        if not isinstance(entities, list):
            raise DataSourceUnreachable("the broker sends no list of entities", remedy="ask its administrator")
        is_last = len(entities) < _PAGE or page + 1 >= _MOST_PAGES
        self._page = None if is_last else page + 1
        return [self._message(entity) for entity in entities if isinstance(entity, Mapping)]

    def _message(self, entity: Mapping[str, Any]) -> Message:
        notification = self._broker.notification(self._session, entity)
        payload = json.dumps(notification, ensure_ascii=False).encode("utf-8", errors="replace")
        fault = "" if len(payload) <= MOST_PAYLOAD else f"the entity has more than {MOST_PAYLOAD} bytes"
        return Message(topic=self._topic, payload=payload if not fault else b"", fault=fault)


async def read(calls: EntityCalls, path: str) -> Any:
    """Return a document of a broker; None if it is not there. Raises ``DataSourceUnreachable``
    (``DataSourceRefuses``), ``ForbiddenAddress``."""
    answer = await calls.call("GET", path)
    if answer.status == 404:
        return None
    require_status(answer, 200)
    return await content_of(answer)


def name_of(session: str) -> str:
    """Return the id of the subscription of a session, which does not tell the session."""
    return f"urn:ngsi-ld:Subscription:hansa-{hashlib.sha256(session.encode()).hexdigest()[:24]}"


def _without_times(attribute: Any) -> Any:
    if isinstance(attribute, list):
        return [_without_times(instance) for instance in attribute]
    if isinstance(attribute, Mapping):
        return {name: value for name, value in attribute.items() if name not in _OWN_TIMES}
    return attribute


def require_status(answer: Answer, *statuses: int) -> None:
    """Raise ``DataSourceRefuses`` or ``DataSourceUnreachable`` unless the broker answers with one of ``statuses``."""
    if answer.status in statuses:
        return
    if answer.status in (401, 403):
        raise DataSourceRefuses(
            "the broker does not let this node subscribe", remedy="check the credentials: hansa source test NAME"
        )
    if answer.status in (400, 404, 405, 422, 501):
        raise DataSourceRefuses(
            f"the broker does not take this subscription (status {answer.status})",
            remedy="check the type and its attributes, and that the broker has subscriptions",
        )
    raise DataSourceUnreachable(
        f"the broker answers with status {answer.status}", remedy="this node tries again; ask its administrator"
    )
