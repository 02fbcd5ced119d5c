"""Services of sensors with the OGC SensorThings API 1.1 (18-088) as a data source.

An item is a set of entities (``Observations``), or those of one entity (``Datastreams(7)/Observations``). Readers get
its entities by pages and one by one; links to the source are written as links to the reader's own address, and none
leads to other entities.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from node.adapters.datasources.requests import check_address, credential_headers
from node.adapters.datasources.services.answers import JSON, json_answer, json_object, nothing
from node.adapters.datasources.services.sensor_questions import ID, LINK, SETS, SensorView, to_source
from node.adapters.egress.client import Egress
from node.base.errors import NotFound
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import off_loop
from node.policy.portion import OPERATORS

_KEY: Final = r"(?:[0-9]{1,18}|'[\w:.-]{1,200}')"
_ITEM: Final = re.compile(rf"(?:(?:{'|'.join(SETS)})\({_KEY}\)/)?({'|'.join(SETS)})", re.ASCII)
_ENTITY: Final = re.compile(rf"({'|'.join(SETS)})\(({_KEY})\)", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_PAGE: Final = ("$skip", "$top")


class SensorThingsConnector:
    """``node.datasources.ports.Connector`` for services of SensorThings."""

    kind = "sensorthings"
    options: tuple[str, ...] = ()

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)

    def connect(self, setup: Setup) -> DataConnection:
        return SensorThingsConnection(self._egress, setup)


class SensorThingsConnection:
    """A connection to a service of SensorThings."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address)
        self._headers = credential_headers(setup.credentials)

    @property
    def abilities(self) -> Abilities:
        questions = ("$filter", "$select", "$orderby", "$top", "$skip", "$count")
        return Abilities(questions=questions, portions=frozenset({"columns", *OPERATORS}), places=8)

    async def items(self, limit: int) -> Sequence[Item]:
        sets = _entries(await self._read("", (), is_question=False), "sets")
        names = [entry["name"] for entry in sets if isinstance(entry, Mapping) and entry.get("name") in SETS]
        items = [Item(path=name, media_type=JSON) for name in names][:limit]
        if "Datastreams" not in names or len(items) == limit:
            return items
        some = (("$select", f"{ID},name"), ("$top", str(min(limit, 100))))
        streams = _entries(await self._read("Datastreams", some, is_question=False), "entities")
        items += [
            Item(path=path, title=str(entry.get("name") or "")[:200], media_type=JSON)
            for entry in streams
            if isinstance(entry, Mapping)
            if _ITEM.fullmatch(path := f"Datastreams({_key(entry.get(ID))})/Observations")
        ]
        return items[:limit]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        match = _ITEM.fullmatch(item)
        if match is None:
            raise NotFound("the data source has no such set of entities", remedy="hansa source test lists them")
        own_set, view = match[1], SensorView(question.portion)
        key = _key_of_path(question.path, own_set)
        values = view.check(question.parameters, is_list=not key)
        if key and not view.shows_ids:
            raise _no_entity()
        if not question.wants_body:
            yield nothing(question, JSON)
            return
        place = f"{question.base}/{own_set}"
        if key:
            yield await json_answer(await self._entity(item, key, view, values, place))
            return
        source = await self._read(item, to_source(values), is_question=bool(values))
        yield await json_answer(await off_loop(_page, source, view, values, place))

    async def _entity(
        self, item: str, key: str, view: SensorView, values: Mapping[str, str], place: str
    ) -> dict[str, Any]:
        """Return one entity of the item. One that is not of it, or not of the part, is not there."""
        # Asked for within the item: by its own address, an entity of another datastream would be found too.
        source = _entries(await self._read(item, (("$filter", f"id eq {key}"),), is_question=True), "entities")
        matches = [entry for entry in source if isinstance(entry, Mapping) and _key(entry.get(ID)) == key]
        entity = view.entity(matches[0], values) if matches else None
        if entity is None:
            raise _no_entity()
        return {LINK: f"{place}({key})", **entity}

    async def _read(self, path: str, parameters: Parameters, *, is_question: bool) -> Mapping[str, Any]:
        query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        place = quote(path, safe="()/'")
        return await json_object(
            self._egress, f"{self._address}{place}{query}", self._headers, is_question=is_question
        )


def _page(source: Mapping[str, Any], view: SensorView, values: Mapping[str, str], place: str) -> dict[str, Any]:
    entities = [
        {**({LINK: f"{place}({_key(entity[ID])})"} if ID in entity else {}), **entity}
        for entry in _entries(source, "entities")
        if (entity := view.entity(entry, values)) is not None
    ]
    page: dict[str, Any] = {}
    count = source.get("@iot.count")
    if values.get("$count") == "true" and isinstance(count, int):
        page["@iot.count"] = count
    if isinstance(link := source.get("@iot.nextLink"), str):
        page["@iot.nextLink"] = _next(link, values, place)
    return {**page, "value": entities}


def _next(link: str, values: Mapping[str, str], place: str) -> str:
    """Return the link to the next page at the reader's address: of the source's, only the place of the page is
    used. Raises ``DataSourceUnreachable`` if it does not say the place."""
    try:
        pairs = dict(parse_qsl(urlsplit(link).query, max_num_fields=100))
    except ValueError:
        pairs = {}
    page = {name: pairs[name] for name in _PAGE if _NUMBER.fullmatch(pairs.get(name, ""))}
    if page.get("$skip", values.get("$skip", "0")) == values.get("$skip", "0"):
        raise DataSourceUnreachable(
            "the data source has more pages, and names them in a way that this node does not know",
            remedy="ask for them yourself: $top and $skip",
        )
    return f"{place}?{urlencode({**values, **page}, safe='$')}"


def _key_of_path(path: str, own_set: str) -> str:
    """Return the key of the entity that a path names; empty for the list."""
    if path in ("", own_set):
        return ""
    match = _ENTITY.fullmatch(path)
    if match is None or match[1] != own_set:
        raise NotFound(f"there are only {own_set} here", remedy=f"ask for …/{own_set} or …/{own_set}(1)")
    return match[2]


def _key(identifier: Any) -> str:
    """Return an identifier as it stands in an address (§9.2.3.3)."""
    return f"'{identifier}'" if isinstance(identifier, str) else str(identifier)


def _entries(source: Mapping[str, Any], content: str) -> list[Any]:
    if not isinstance(entries := source.get("value"), list):
        raise DataSourceUnreachable(
            f"the data source has no list of {content}", remedy="check the address: it ends with /v1.1"
        )
    return entries


def _no_entity() -> NotFound:
    return NotFound("there is no such entity here", remedy="ask for the list")
