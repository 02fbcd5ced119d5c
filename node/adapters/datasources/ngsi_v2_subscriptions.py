"""Subscriptions of this node at a context broker that speaks NGSIv2 (FIWARE-NGSI v2, Subscriptions).

Such a broker names a subscription itself. So that of a session is found by the address of its notifications, which no
other subscription has.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from node.adapters.datasources.entity_calls import EntityCalls
from node.adapters.datasources.entity_subscriptions import name_of, parts_of, read, require_status
from node.base.clock import Clock, stamp
from node.datasources.errors import DataSourceUnreachable
from node.vocab.notices import notices_address

_PAGE: Final = 100
_MOST_PAGES: Final = 50
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}", re.ASCII)
_ATTRIBUTES: Final = ("*", "dateModified")
"""All attributes of an entity, and the time of its last change: brokers give it to those who ask for it."""


class NgsiV2Subscriptions:
    """Subscriptions at a broker that speaks NGSIv2 (``entity_subscriptions.Subscriptions``). ``base`` is the public
    address of this node."""

    def __init__(self, calls: EntityCalls, *, base: str, clock: Clock) -> None:
        self.calls = calls
        self._base = base
        self.clock = clock

    async def make(self, topic: str, session: str, ends: datetime) -> str:
        await self.end(session)
        answer = await self.calls.call("POST", "subscriptions", self._subscription(topic, session, ends))
        require_status(answer, 201)
        name = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        if not _NAME.fullmatch(name):
            raise DataSourceUnreachable(
                "the broker does not say where the subscription is", remedy="ask its administrator"
            )
        return _path(name)

    async def end(self, session: str) -> None:
        address = notices_address(self._base, session)
        names = [name async for name, receiver in self._all() if receiver == address]
        for name in names:
            require_status(await self.calls.call("DELETE", _path(name)), 200, 204, 404)

    def has_ended(self, state: Mapping[str, Any]) -> bool:
        # One that is ``failed`` goes on: the time of the failure tells that something was lost.
        return state.get("status") in ("inactive", "expired")

    def renewal(self, ends: datetime) -> dict[str, Any]:
        return {"expires": stamp(ends)}

    def page(self, type_name: str, first: int, most: int) -> str:
        pairs = {"type": type_name, "limit": most, "offset": first, "attrs": ",".join(_ATTRIBUTES)}
        return f"entities?{urlencode(pairs)}"

    def notification(self, session: str, entity: Mapping[str, Any]) -> dict[str, Any]:
        return {"subscriptionId": name_of(session), "data": [entity]}

    def _subscription(self, topic: str, session: str, ends: datetime) -> dict[str, Any]:
        type_name, names = parts_of(topic)
        return {
            "description": f"Hansa: {topic}",
            "subject": {
                "entities": [{"idPattern": ".*", "type": type_name}],
                **({"condition": {"attrs": names}} if names else {}),
            },
            "notification": {
                "http": {"url": notices_address(self._base, session)},
                "attrs": list(_ATTRIBUTES),
                "attrsFormat": "normalized",
            },
            "expires": stamp(ends),
        }

    async def _all(self) -> AsyncIterator[tuple[str, str]]:
        """Yield the name of each subscription at the broker, and the address of its notifications."""
        for page in range(_MOST_PAGES):
            query = urlencode({"limit": _PAGE, "offset": page * _PAGE})
            states = await read(self.calls, f"subscriptions?{query}")
            if not isinstance(states, list):
                raise DataSourceUnreachable("the broker sends no list of subscriptions", remedy="check its address")
            for state in states:
                name, address = (str(state.get("id")), _receiver(state)) if isinstance(state, Mapping) else ("", "")
                if _NAME.fullmatch(name):
                    yield name, address
            if len(states) < _PAGE:
                return


def _path(name: str) -> str:
    return f"subscriptions/{quote(name, safe='')}"


def _receiver(state: Mapping[str, Any]) -> str:
    notification = state.get("notification")
    http = notification.get("http") if isinstance(notification, Mapping) else None
    return str(http.get("url", "")) if isinstance(http, Mapping) else ""
