"""Context brokers that speak NGSIv2 (FIWARE-NGSI v2) as a data source: the types of their entities are the items.

Readers get entities of one type as they are now. Type, service and service path are the node's.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

from node.adapters.datasources import entity_documents as documents
from node.adapters.datasources.entity_calls import EntityCalls
from node.adapters.datasources.entity_portions import KINDS, attributes_of, meets, touches_box
from node.adapters.datasources.entity_questions import MOST_ENTITIES, is_type
from node.adapters.datasources.entity_subscriptions import EntityNotices, check_topic, open_notices
from node.adapters.datasources.ngsi_v2_subscriptions import NgsiV2Subscriptions
from node.adapters.datasources.requests import check_address, credential_headers, document
from node.adapters.egress.client import Egress
from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound
from node.base.jsons import read_json
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import off_loop, once
from node.policy.portion import Portion

TENANT: Final = "tenant"
"""The option for the service (header Fiware-Service)."""
SERVICE_PATH: Final = "service_path"
"""The option for the service path (header Fiware-ServicePath)."""
TOTAL: Final = "fiware-total-count"
_MOST_PAGE: Final = 8 << 20
_SERVICE: Final = re.compile(r"[A-Za-z0-9_]{1,50}", re.ASCII)
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9_]{1,50}(?:/[A-Za-z0-9_]{1,50}){0,9})?(?:/#)?|/#", re.ASCII)
_ID: Final = re.compile(r"[^\s<>\"'=;()&?/#\x00-\x1f\x7f]{1,256}")
_NAMES: Final = re.compile(r"[\w.:-]{1,100}(?:,[\w.:-]{1,100}){0,49}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_COUNT: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_GEO: Final = re.compile(r"[A-Za-z0-9;:,. -]{1,1000}", re.ASCII)
_ROOT: Final = "v2/"
_OWN: Final = ("id", "type")
_SELECTION: Final = ("type", "attrs", "options")
_PAGES: Final = (*_SELECTION, "limit", "offset")
_LIST: Final = (*_PAGES, "q", "georel", "geometry", "coords", "orderBy")
_OPTIONS: Final = frozenset({"count", "keyValues"})


class NgsiV2Connector:
    """``node.datasources.ports.Connector`` for context brokers with NGSIv2."""

    kind = "ngsi-v2"
    options: tuple[str, ...] = (TENANT, SERVICE_PATH)

    def __init__(self, egress: Egress, *, base: str, clock: Clock) -> None:
        """``base`` is the public address of this node, to which brokers send notifications."""
        self._egress = egress
        self._base = base
        self._clock = clock

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)
        if TENANT in setup.options and not _SERVICE.fullmatch(setup.options[TENANT]):
            raise InvalidInput("this is no name of a service", remedy="such as --option tenant=city")
        if SERVICE_PATH in setup.options and not _PATH.fullmatch(setup.options[SERVICE_PATH]):
            raise InvalidInput("this is no service path", remedy="such as --option service_path=/traffic")

    def connect(self, setup: Setup) -> DataConnection:
        self.check(setup)
        return NgsiV2Connection(self._egress, setup, base=self._base, clock=self._clock)


class NgsiV2Connection:
    """A connection to a context broker."""

    def __init__(self, egress: Egress, setup: Setup, *, base: str, clock: Clock) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address)
        self._headers = {**credential_headers(setup.credentials), "Accept": documents.JSON}
        for option, header in ((TENANT, "Fiware-Service"), (SERVICE_PATH, "Fiware-ServicePath")):
            if option in setup.options:
                self._headers[header] = setup.options[option]
        calls = EntityCalls(egress, self._address, self._headers, patience=30.0, most=_MOST_PAGE)
        self._subscriptions = NgsiV2Subscriptions(calls, base=base, clock=clock)

    @property
    def abilities(self) -> Abilities:
        return Abilities(questions=tuple(name for name in _LIST if name != "type"), portions=KINDS, places=8)

    async def items(self, limit: int) -> Sequence[Item]:
        content, _ = await self._read("types", (("limit", str(min(limit, MOST_ENTITIES))),), is_question=False)
        if not isinstance(content, list):
            raise DataSourceUnreachable(
                "the data source has no list of types", remedy="check the address: it ends with /v2"
            )
        return [
            Item(path=entry["type"], title=_attribute_names(entry), media_type=documents.JSON, entries=_count(entry))
            for entry in content
            if isinstance(entry, Mapping) and isinstance(entry.get("type"), str) and is_type(entry["type"])
        ][:limit]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if not is_type(item):
            raise NotFound("the data source has no such type of entities", remedy="hansa source test lists them")
        identifier = _identifier(question.path)
        view = _View(item, question.portion)
        values = view.check(question.parameters, is_list=not identifier)
        if identifier and not question.portion.shows("id"):
            raise _no_entity()
        if not question.wants_body:
            # Whatever the broker answers would tell of the data, and no read would be counted.
            yield Extract(media_type=documents.JSON, chunks=once(b""))
            return
        path = f"entities/{quote(identifier, safe='')}" if identifier else "entities"
        try:
            content, total = await self._read(path, view.to_source(values, is_list=not identifier), is_question=True)
        except NotFound as error:
            raise _no_entity() from error
        body = await off_loop(self._write, view, values, content, identifier, question.base)
        headers = {TOTAL: total} if "count" in _options(values) and _COUNT.fullmatch(total) else {}
        yield Extract(media_type=documents.JSON, chunks=once(body), size=len(body), total=len(body), headers=headers)

    def check_topic(self, topic: str) -> None:
        check_topic(topic)

    def listen(self, topic: str, session: str) -> AbstractAsyncContextManager[EntityNotices]:
        return open_notices(self._subscriptions, topic, session)

    async def forget(self, session: str) -> None:
        await self._subscriptions.end(session)

    def _write(self, view: _View, values: Mapping[str, str], content: Any, identifier: str, base: str) -> bytes:
        if identifier:
            matches = view.narrow([content] if isinstance(content, Mapping) else content, values)
            if not matches or content.get("id") != identifier:
                raise _no_entity()
            answer: Any = matches[0]
        else:
            answer = view.narrow(content, values)
        answer = documents.replace_addresses(answer, self._address, base)
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()

    async def _read(self, path: str, parameters: Parameters, *, is_question: bool) -> tuple[Any, str]:
        url = f"{self._address}{path}?{urlencode(parameters, quote_via=quote)}"
        body, extract = await document(
            self._egress, url, self._headers, most=_MOST_PAGE, parameters=is_question, headers_kept=(TOTAL,)
        )
        try:
            content = await off_loop(read_json, body)
        except InvalidInput as error:
            raise DataSourceUnreachable(
                "the data source answers with something other than JSON", remedy="ask its steward: hansa source test"
            ) from error
        return content, extract.headers.get(TOTAL, "")


class _View:
    """The entities of one type that a reader may have, and the questions about them."""

    def __init__(self, item: str, portion: Portion) -> None:
        self._item = item
        self._portion = portion
        self._leaves_out = bool(portion.rows or portion.boxes)

    def check(self, parameters: Parameters, *, is_list: bool) -> dict[str, str]:
        """Return the values of a question. Raises ``InvalidInput`` with what is understood."""
        names = (_PAGES if self._leaves_out else _LIST) if is_list else _SELECTION
        values: dict[str, str] = {}
        for name, value in parameters:
            if name not in names or name in values:
                raise InvalidInput(
                    f"the parameter {name[:60]!r} is not understood here, or is there twice",
                    remedy=f"what is: {', '.join(names)}",
                )
            values[name] = value
        self._check_forms(values)
        columns = [*values.get("attrs", "").split(","), *_orders(values)]
        columns += attributes_of(values["q"]) if "q" in values and self._portion.columns is not None else []
        columns += ["location"] if "georel" in values else []
        for column in filter(None, columns):
            if not self._portion.shows(column) and column not in _OWN:
                raise InvalidInput(f"the agreement does not give {column[:60]!r}", remedy="leave it out")
        if "count" in _options(values) and self._leaves_out:
            raise InvalidInput("a part is not counted", remedy="leave out options=count")
        return values

    def _check_forms(self, values: Mapping[str, str]) -> None:
        if values.get("type", self._item) != self._item:
            raise InvalidInput(f"only entities of the type {self._item} are shared here", remedy="leave out type")
        if not _options(values) <= _OPTIONS:
            raise InvalidInput("this form of the answer is not given", remedy="options: keyValues, count")
        for name in ("limit", "offset"):
            if not _NUMBER.fullmatch(values.get(name, "1")):
                raise InvalidInput(f"{name} is no number", remedy="such as 100")
        if not 0 < int(values.get("limit", "20")) <= MOST_ENTITIES:
            raise InvalidInput("the limit is out of range", remedy=f"from 1 to {MOST_ENTITIES}")
        if "attrs" in values and not _NAMES.fullmatch(values["attrs"]):
            raise InvalidInput("attrs has another form", remedy="names of attributes, with commas between them")
        if any(not _GEO.fullmatch(values[name]) for name in ("georel", "geometry", "coords") if name in values):
            raise InvalidInput(
                "the question about places has another form", remedy="such as georel=near;maxDistance:9"
            )
        if "q" in values and not (0 < len(values["q"]) <= 3000 and values["q"].isprintable()):
            raise InvalidInput("the query has another form", remedy="such as q=intensity>20")

    def to_source(self, values: Mapping[str, str], *, is_list: bool) -> Parameters:
        """Return the question for the broker: whole entities of the type, which are narrowed here."""
        names = ("limit", "offset", "q", "georel", "geometry", "coords", "orderBy")
        pairs = tuple((name, values[name]) for name in names if name in values)
        count = (("options", "count"),) if "count" in _options(values) and is_list else ()
        return ("type", self._item), *pairs, *count

    def narrow(self, content: Any, values: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the entities of a page that lie in the part, with what the reader chose."""
        if not isinstance(content, list) or not all(documents.is_entity(entry, self._item) for entry in content):
            raise DataSourceUnreachable(
                "the data source sends something other than entities of the type that is shared",
                remedy="ask its steward: hansa source test",
            )
        choice = set(filter(None, values.get("attrs", "").split(",")))
        is_plain = "keyValues" in _options(values)
        return [
            {
                name: value.get("value") if is_plain and isinstance(value, Mapping) and name not in _OWN else value
                for name, value in entry.items()
                if (name == "type" or self._portion.shows(name)) and (not choice or name in choice or name in _OWN)
            }
            for entry in content
            if all(meets(entry, row) for row in self._portion.rows)
            and all(touches_box(entry, box) for box in self._portion.boxes)
        ]


def _options(values: Mapping[str, str]) -> frozenset[str]:
    return frozenset(filter(None, values.get("options", "").split(",")))


def _orders(values: Mapping[str, str]) -> list[str]:
    return [name.lstrip("!") for name in values.get("orderBy", "").split(",")]


def _identifier(path: str) -> str:
    """Return the identifier that a path names; empty for all entities. Raises ``NotFound``."""
    rest = path.removeprefix(_ROOT).strip("/")
    if rest in ("", "v2", "entities"):
        return ""
    kind, _, identifier = rest.partition("/")
    if kind != "entities" or not _ID.fullmatch(identifier) or identifier in (".", ".."):
        raise NotFound("only entities are shared here", remedy="ask for entities, or entities/ID")
    return identifier


def _attribute_names(entry: Mapping[str, Any]) -> str:
    attributes = entry.get("attrs")
    return ", ".join(map(str, attributes))[:200] if isinstance(attributes, Mapping | list) else ""


def _count(entry: Mapping[str, Any]) -> int | None:
    count = entry.get("count")
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _no_entity() -> NotFound:
    return NotFound("the data source has no such entity", remedy="ask for …/entities to see which there are")
