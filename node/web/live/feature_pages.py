"""The documents of an OGC API - Features of one stored file under contract (OGC 17-069r4, 19-079r2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from node.semantics.profiles.feature_queries_client import (
    COLLECTION,
    GEOJSON,
    LANGUAGES,
    MOST,
    USUAL,
    FeatureAnswer,
    FeatureQuestion,
)

JSON: Final = "application/json"
SCHEMA: Final = "application/schema+json"
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.0"
CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_SPEC: Final = "http://www.opengis.net/spec/"
_RELATION: Final = "http://www.opengis.net/def/rel/ogc/1.0/"
CONFORMS: Final = (
    *(f"{_SPEC}ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson", "oas30")),
    *(
        f"{_SPEC}ogcapi-features-3/1.0/conf/{name}"
        for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")
    ),
    *(
        f"{_SPEC}cql2/1.0/conf/{name}"
        for name in (
            "cql2-text",
            "cql2-json",
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "accent-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "temporal-functions",
            "property-property",
            "arithmetic",
        )
    ),
)
PARAMETERS: Final = (
    "limit",
    "offset",
    "bbox",
    "bbox-crs",
    "crs",
    "datetime",
    "filter",
    "filter-lang",
    "filter-crs",
    "properties",
    "sortby",
    "f",
)
"""The parameters of …/items; every other one is the name of a column."""


@dataclass(frozen=True, slots=True)
class FeaturePages:
    """The documents at one address. ``title`` is the name of the file."""

    base: str
    title: str = ""

    @property
    def _place(self) -> str:
        return f"{self.base}/collections/{COLLECTION}"

    def landing(self) -> dict[str, Any]:
        """Return the landing page."""
        return {
            "title": self.title,
            "links": [
                _link(self.base, "self", JSON),
                _link(f"{self.base}/api", "service-desc", OPENAPI),
                _link(f"{self.base}/conformance", "conformance", JSON),
                _link(f"{self.base}/conformance", f"{_RELATION}conformance", JSON),
                _link(f"{self.base}/collections", "data", JSON),
            ],
        }

    def conformance(self) -> dict[str, Any]:
        """Return the classes that the answers conform to."""
        return {"conformsTo": list(CONFORMS)}

    def collections(self) -> dict[str, Any]:
        """Return the list of collections: the one there is."""
        return {"collections": [self.collection()], "links": [_link(f"{self.base}/collections", "self", JSON)]}

    def collection(self) -> dict[str, Any]:
        """Return the description of the collection. It has no extent: that is for a question, which counts."""
        return {
            "id": COLLECTION,
            "title": self.title,
            "itemType": "feature",
            "crs": [CRS84],
            "storageCrs": CRS84,
            "links": [
                _link(self._place, "self", JSON),
                _link(f"{self._place}/items", "items", GEOJSON),
                _link(f"{self._place}/queryables", f"{_RELATION}queryables", SCHEMA),
            ],
        }

    def queryables(self, answer: FeatureAnswer) -> dict[str, Any]:
        """Return the columns that a filter may name, with their types."""
        properties: dict[str, Any] = {}
        for name, kind in answer.columns:
            properties[name] = {"title": name, **_type(kind)}
            if name == answer.time:
                properties[name]["x-ogc-role"] = "primary-instant"
        properties[answer.geometry] = {
            "title": answer.geometry,
            "format": "geometry-any",
            "x-ogc-role": "primary-geometry",
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"{self._place}/queryables",
            "type": "object",
            "title": self.title,
            "properties": properties,
            "additionalProperties": False,
        }

    def page(self, question: FeatureQuestion, answer: FeatureAnswer, moment: str) -> bytes:
        """Return a page of features, with links to the next and the previous one."""
        links = [self._page_link("self", question, question.offset)]
        if answer.more:
            links.append(self._page_link("next", question, question.offset + answer.count))
        if question.offset:
            links.append(self._page_link("prev", question, max(0, question.offset - question.limit)))
        links.append(_link(self._place, "collection", JSON))
        members = {
            "numberMatched": answer.total,
            "numberReturned": answer.count,
            "timeStamp": moment,
            "links": links,
        }
        rest = write(members).removeprefix(b"{")
        return b'{"type":"FeatureCollection","features":[' + answer.body + b"]," + rest

    def feature(self, question: FeatureQuestion, answer: FeatureAnswer) -> bytes:
        """Return one feature."""
        links = [
            _link(f"{self.base}/{question.path}", "self", GEOJSON),
            _link(self._place, "collection", JSON),
        ]
        return answer.body.removesuffix(b"}") + b"," + write({"links": links}).removeprefix(b"{")

    def openapi(self, answer: FeatureAnswer) -> dict[str, Any]:
        """Return the definition of the API (OpenAPI 3.0). Each column is a parameter of …/items."""
        names: dict[str, dict[str, Any]] = {name: {"type": "string"} for name in PARAMETERS}
        names["limit"] = {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}
        names["offset"] = {"type": "integer", "minimum": 0, "default": 0}
        names["filter-lang"] = {"type": "string", "enum": list(LANGUAGES), "default": LANGUAGES[0]}
        parameters: list[dict[str, Any]] = [
            {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in names.items()
        ]
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name, _ in answer.columns
            if name not in PARAMETERS
        ]
        number = [{"name": "feature", "in": "path", "required": True, "schema": {"type": "integer"}}]
        items = f"/collections/{COLLECTION}/items"
        return {
            "openapi": "3.0.3",
            "info": {"title": self.title or COLLECTION, "version": "1.0"},
            "servers": [{"url": self.base}],
            "paths": {
                "/": _operation("landing", JSON),
                "/conformance": _operation("conformance", JSON),
                "/collections": _operation("collections", JSON),
                f"/collections/{COLLECTION}": _operation("collection", JSON),
                f"/collections/{COLLECTION}/queryables": _operation("queryables", SCHEMA),
                items: _operation("items", GEOJSON, parameters),
                f"{items}/{{feature}}": _operation("feature", GEOJSON, number),
            },
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
            "security": [{"bearer": []}],
        }

    def _page_link(self, relation: str, question: FeatureQuestion, offset: int) -> dict[str, str]:
        pairs = [*question.pairs, ("limit", str(question.limit)), *([("offset", str(offset))] if offset else [])]
        return _link(f"{self._place}/items?{urlencode(pairs)}", relation, GEOJSON)


def _operation(name: str, media_type: str, parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    answer = {"description": "The answer.", "content": {media_type: {"schema": {"type": "object"}}}}
    refusal = {"description": "A refusal in words.", "content": {"application/problem+json": {}}}
    return {
        "get": {"operationId": name, "parameters": parameters or [], "responses": {"200": answer, "default": refusal}}
    }


def _type(kind: str) -> dict[str, str]:
    stem = kind.partition("(")[0]
    if kind.endswith("]"):
        return {"type": "array"}
    if stem == "BOOLEAN":
        return {"type": "boolean"}
    if stem == "DATE":
        return {"type": "string", "format": "date"}
    if stem.startswith("TIMESTAMP"):
        return {"type": "string", "format": "date-time"}
    if stem.endswith(("INT", "INTEGER")):
        return {"type": "integer"}
    return {"type": "number"} if stem in ("FLOAT", "DOUBLE", "DECIMAL") else {"type": "string"}


def write(content: Mapping[str, Any]) -> bytes:
    """Return a document as JSON."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")


def _link(href: str, rel: str, kind: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": kind}
