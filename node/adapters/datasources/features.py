"""Layers of a GIS server over OGC API - Features (OGC 17-069r4) as a data source: its collections are the items.

Readers get an OGC API of one collection. Its landing page, its conformance and its list of collections are written
here; pages of features are read, and every link in them is written as a link to the reader's own address.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from node.adapters.datasources import feature_documents as documents
from node.adapters.datasources.feature_portions import KINDS, FeaturePortion
from node.adapters.datasources.requests import at, check_address, credential_headers, document
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput, NotFound
from node.base.jsons import read_object
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import off_loop, once

MOST_PAGE: Final = 16 << 20
"""The largest page of features, in bytes."""
_MOST_DOCUMENT: Final = 4 << 20
_CRS: Final = re.compile(r"<https?://[\x21\x23-\x3b\x3d\x3f-\x7e]{1,200}>", re.ASCII)
_OWN: Final = ("f", "token", "access_token", "api_key", "apikey", "key")
"""Parameters that readers do not pass on: the form of the answer, and names of credentials."""


class FeaturesConnector:
    """``node.datasources.ports.Connector`` for OGC API - Features."""

    kind = "features"
    options: tuple[str, ...] = ()

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)

    def connect(self, setup: Setup) -> DataConnection:
        return FeaturesConnection(self._egress, setup)


class FeaturesConnection:
    """A connection to a server of features."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address)
        self._headers = credential_headers(setup.credentials)

    @property
    def abilities(self) -> Abilities:
        return Abilities(questions=("limit", "bbox", "datetime", "properties", "filter", "crs", "*"), portions=KINDS)

    async def items(self, limit: int) -> Sequence[Item]:
        items_of_answer = (await self._read("collections"))[0].get("collections")
        if not isinstance(items_of_answer, list):
            raise DataSourceUnreachable(
                "the data source has no list of collections",
                remedy="check the address: it is that of the landing page",
            )
        layers = [
            entry
            for entry in items_of_answer
            if isinstance(entry, Mapping)
            and isinstance(entry.get("id"), str)
            and entry.get("itemType", "feature") == "feature"
        ]
        return [
            Item(path=entry["id"], title=str(entry.get("title") or "")[:200], media_type=documents.GEOJSON)
            for entry in layers[:limit]
        ]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        return not (path == f"collections/{item}/items" or path.startswith(f"collections/{item}/items/"))

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if "/" in item or not item:
            raise NotFound("the data source has no such collection", remedy="hansa source test lists them")
        check_path(item)
        path, base = check_path(question.path).rstrip("/"), question.base
        collection = f"collections/{item}"
        if not question.wants_body and not self.is_description(item, path):
            # Whatever the server answers would tell of the data, and no read would be counted.
            yield Extract(media_type=documents.GEOJSON, chunks=once(b""))
            return
        view = FeaturePortion(question.portion, await self._names(item, question))
        media_type, crs = "application/json", ""
        match _place(path, collection):
            case []:
                content = documents.landing(base, await self._collection(item))
            case ["", "conformance"]:
                content = documents.conformance(view.conformance((await self._read("conformance"))[0]))
            case ["", "collections"]:
                content = documents.collections(base, view.collection(await self._collection(item)), item)
            case ["collection"]:
                content = documents.collection(base, view.collection(await self._collection(item)), item)
            case ["collection", "queryables"]:
                schema, _ = await self._read(f"{collection}/queryables")
                content = documents.queryables(base, view.queryables(schema), item)
                media_type = "application/schema+json"
            case ["collection", "items"]:
                choice = view.choose(_choose_parameters(question.parameters))
                source: Mapping[str, Any] = documents.NOTHING
                if choice.to_source is not None:
                    source, crs = await self._read(f"{collection}/items", choice.to_source, most=MOST_PAGE)
                narrowed = await off_loop(view.page, source, choice)
                place = at(self._address, collection, "items")
                content = await off_loop(documents.page, base, narrowed, item, place)
                media_type = documents.GEOJSON
            case ["collection", "items", feature] if feature:
                content, crs = await self._read_feature(view, item, feature, question)
                media_type = documents.GEOJSON
            case _:
                raise NotFound("the collection has nothing there", remedy="begin at the address without a path")
        body = await off_loop(documents.write, content)
        headers = {"content-crs": crs} if _CRS.fullmatch(crs) else {}
        yield Extract(media_type=media_type, chunks=once(body), size=len(body), total=len(body), headers=headers)

    async def _names(self, item: str, question: Question) -> Sequence[str]:
        """Return the columns that a reader of a part may ask for by name, if the part itself does not list them."""
        if question.portion.is_whole or question.portion.columns is not None or not question.parameters:
            return ()
        properties = (await self._read(f"collections/{item}/queryables"))[0].get("properties")
        return tuple(str(name) for name in properties) if isinstance(properties, Mapping) else ()

    async def _read_feature(
        self, view: FeaturePortion, item: str, name: str, question: Question
    ) -> tuple[dict[str, Any], str]:
        """Return one feature, and the Content-Crs. One outside the part is not there, like any other that is not."""
        absent = documents.no_feature()
        if not view.shows_ids:
            raise absent
        choice = view.choose_for_one(_choose_parameters(question.parameters))
        try:
            source, crs = await self._read(f"collections/{item}/items/{name}", choice.to_source or (), most=MOST_PAGE)
        except NotFound as error:
            raise absent from error
        if source.get("type") != "Feature" or (narrowed := view.feature(source, choice)) is None:
            raise absent
        return documents.feature(question.base, narrowed, item, name), crs

    async def _collection(self, item: str) -> Mapping[str, Any]:
        return (await self._read(f"collections/{item}"))[0]

    async def _read(
        self, place: str, parameters: tuple[tuple[str, str], ...] = (), *, most: int = _MOST_DOCUMENT
    ) -> tuple[Mapping[str, Any], str]:
        """Return a document of the source as JSON, and its Content-Crs."""
        accept = "application/geo+json, application/schema+json;q=0.9, application/json;q=0.8"
        url = at(self._address, place, parameters=(*parameters, ("f", "json")))
        body, extract = await document(
            self._egress, url, {**self._headers, "Accept": accept}, most=most, parameters=bool(parameters)
        )
        try:
            content = await off_loop(read_object, body)
        except InvalidInput as error:
            raise DataSourceUnreachable(
                "the data source answers with something other than JSON", remedy="ask its steward: hansa source test"
            ) from error
        return content, extract.headers.get("content-crs", "")


def _place(path: str, collection: str) -> list[str]:
    """Return the pieces of a path below the collection after the word ``collection``, of another after nothing."""
    if path == collection or path.startswith(f"{collection}/"):
        return ["collection", *path.removeprefix(collection).split("/")[1:]]
    return ["", *path.split("/")] if path else []


def _choose_parameters(parameters: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a reader that go to the source."""
    asked = next((value for name, value in parameters if name == "f"), "json")
    if asked not in ("json", "geojson", documents.GEOJSON, "application/json"):
        raise InvalidInput("features are given as GeoJSON", remedy="leave out the parameter f, or set it to json")
    return tuple((name, value) for name, value in parameters if name.lower() not in _OWN)
