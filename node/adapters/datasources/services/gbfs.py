"""Shared bicycles, scooters and cars in GBFS (2 and 3) as a data source: the feeds of a system are the items.

The address is that of the auto-discovery file. The item ``gbfs`` is the whole system: clients begin there, at a
discovery file with the reader's own addresses. Feeds may be at other hosts, which are checked like every outgoing
request and are not shown the credentials.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from node.adapters.datasources.requests import check_address, credential_headers
from node.adapters.datasources.services.answers import JSON, json_answer, json_object, nothing
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput, NotFound
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question

SYSTEM: Final = "gbfs"
"""The item that is the whole system."""
_NAME: Final = re.compile(r"(?:[a-z]{2,3}(?:-[A-Za-z]{2,4})?/)?[a-z_]{1,60}", re.ASCII)
_DISCOVERY: Final = frozenset({SYSTEM, "gbfs_versions", "manifest"})
"""Feeds that lead to addresses of the source: the discovery is written here, the others are left out."""
_MOST: Final = 200


class GbfsConnector:
    """``node.datasources.ports.Connector`` for systems of GBFS."""

    kind = "gbfs"
    options: tuple[str, ...] = ()

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)

    def connect(self, setup: Setup) -> DataConnection:
        return GbfsConnection(self._egress, setup)


class GbfsConnection:
    """A connection to a system."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address).rstrip("/")
        self._headers = credential_headers(setup.credentials)

    @property
    def abilities(self) -> Abilities:
        return Abilities()

    async def items(self, limit: int) -> Sequence[Item]:
        feeds = _feeds(await self._discovery())
        paths = [SYSTEM, *(name for name, _ in feeds)]
        return [Item(path=path, media_type=JSON) for path in paths[:limit]]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        return item == SYSTEM and path in ("", SYSTEM, f"{SYSTEM}.json") and not parameters

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if not _NAME.fullmatch(item):
            raise _no_feed()
        if question.parameters:
            raise InvalidInput("a feed takes no query", remedy="leave out what follows its address")
        if question.path and item != SYSTEM:
            raise NotFound("a feed has nothing below it", remedy="ask at the address itself")
        if not question.wants_body and not self.is_description(item, question.path):
            yield nothing(question, JSON)
            return
        discovery = await self._discovery()
        feeds = dict(_feeds(discovery))
        name = question.path.removesuffix(".json") if item == SYSTEM else item
        if item == SYSTEM and name in ("", SYSTEM):
            yield await json_answer(_own_discovery(discovery, question.base))
            return
        if name not in feeds:
            raise _no_feed()
        yield await json_answer(await self._feed(feeds[name]))

    async def _discovery(self) -> Mapping[str, Any]:
        content = await json_object(self._egress, self._address, self._headers)
        if not isinstance(content.get("data"), Mapping):
            raise DataSourceUnreachable(
                "the data source has no list of feeds", remedy="check the address: it ends with gbfs.json"
            )
        return content

    async def _feed(self, place: str) -> Mapping[str, Any]:
        url = urljoin(self._address, place)
        self._egress.check_url(url)
        is_same_host = urlsplit(url)[:2] == urlsplit(self._address)[:2]
        content = await json_object(self._egress, url, self._headers if is_same_host else {})
        if not isinstance(content.get("data"), Mapping):
            raise DataSourceUnreachable("the feed is no feed of GBFS", remedy="ask its steward: hansa source test")
        return content


def _feeds(discovery: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and addresses of the feeds: of version 2 with their language, of version 3 without."""
    return [
        (name, entry["url"])
        for prefix, feeds in _groups(discovery["data"])
        for entry in feeds
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and isinstance(entry.get("url"), str)
        if entry["name"] not in _DISCOVERY and _NAME.fullmatch(name := f"{prefix}{entry['name']}")
    ][:_MOST]


def _groups(data: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(feeds := data.get("feeds"), list):
        yield "", feeds
        return
    for language, group in data.items():
        if isinstance(group, Mapping) and isinstance(feeds := group.get("feeds"), list):
            yield f"{language}/", feeds


def _own_discovery(discovery: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Return a discovery file with the feeds at the reader's addresses, and nothing that leads to the source."""
    groups: dict[str, list[dict[str, str]]] = {}
    for name, _ in _feeds(discovery):
        language, _, plain = name.rpartition("/")
        groups.setdefault(language, []).append({"name": plain, "url": f"{base}/{name}.json"})
    facts = {name: discovery[name] for name in ("last_updated", "ttl", "version") if _is_plain(discovery.get(name))}
    data: dict[str, Any] = {language: {"feeds": feeds} for language, feeds in groups.items()}
    return {**facts, "data": data.get("", data)}


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) < 100 and "://" not in value)


def _no_feed() -> NotFound:
    return NotFound("the data source has no such feed", remedy="hansa source test lists them")
