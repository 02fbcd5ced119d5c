"""The documents of an OGC API - Features of one collection, as a reader under contract sees them.

Each is made of members that are known and wanted. All others stay behind: a source may put anything into a document,
and links to other places first of all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from node.base.errors import NotFound
from node.datasources.errors import DataSourceUnreachable

GEOJSON: Final = "application/geo+json"
_JSON: Final = "application/json"
_CONFORMS: Final = "http://www.opengis.net/spec/ogcapi-"
_PAGES: Final = ("next", "prev", "previous")
_LONG: Final = 2000
NOTHING: Final[Mapping[str, Any]] = {"type": "FeatureCollection", "features": []}
_RELATION: Final = "http://www.opengis.net/def/rel/ogc/1.0/"


def landing(base: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the landing page."""
    links = [
        _link(base, "self", _JSON),
        _link(f"{base}/conformance", "conformance", _JSON),
        _link(f"{base}/collections", "data", _JSON),
    ]
    return {**_texts(source, "title", "description"), "links": links}


def conformance(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the classes of OGC that the source conforms to, but for those that write."""
    stated = source.get("conformsTo")
    names = [name for name in stated if isinstance(name, str)] if isinstance(stated, list) else []
    classes = [name for name in names if name.startswith(f"{_CONFORMS}features") and "ogcapi-features-4" not in name]
    return {"conformsTo": classes[:100]}


def collections(base: str, source: Mapping[str, Any], item: str) -> dict[str, Any]:
    """Return the list of collections: the one that is shared."""
    return {
        "collections": [collection(base, source, item)],
        "links": [_link(f"{base}/collections", "self", _JSON)],
    }


def collection(base: str, source: Mapping[str, Any], item: str) -> dict[str, Any]:
    """Return the description of the collection."""
    if source.get("id") != item:
        raise DataSourceUnreachable("the data source describes another collection than the one that is shared")
    place = f"{base}/collections/{quote(item, safe='')}"
    facts = {
        name: source[name] for name in ("extent", "crs", "storageCrs") if name in source and _plain(source[name])
    }
    return {
        "id": item,
        **_texts(source, "title", "description"),
        "itemType": "feature",
        **facts,
        "links": [
            _link(place, "self", _JSON),
            _link(f"{place}/items", "items", GEOJSON),
            _link(f"{place}/queryables", f"{_RELATION}queryables", "application/schema+json"),
        ],
    }


def queryables(base: str, source: Mapping[str, Any], item: str) -> dict[str, Any]:
    """Return what may be asked for in a filter (OGC 19-079r2)."""
    place = f"{base}/collections/{quote(item, safe='')}/queryables"
    raw_properties = source.get("properties")
    properties = {}
    if isinstance(raw_properties, Mapping):
        for name, facts in raw_properties.items():
            names = ("type", "format", "title", "description", "enum", "minimum", "maximum")
            members = facts if isinstance(facts, Mapping) else {}
            properties[str(name)[:200]] = {
                key: members[key] for key in names if key in members and _plain(members[key])
            }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": place,
        "type": "object",
        **_texts(source, "title"),
        "properties": properties,
    }


def page(base: str, source: Mapping[str, Any], item: str, address: str) -> dict[str, Any]:
    """Return a page of features. ``address`` is that of all pages at the source; links to others are left out."""
    features = source.get("features")
    if source.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise DataSourceUnreachable("the data source sends no GeoJSON")
    place = f"{base}/collections/{quote(item, safe='')}/items"
    links = [_link(place, "self", GEOJSON)]
    stated = source.get("links")
    for link in stated if isinstance(stated, list) else []:
        if isinstance(link, Mapping) and link.get("rel") in _PAGES and isinstance(link.get("href"), str):
            query = _query(link["href"], address)
            if query is not None:
                links.append(_link(f"{place}?{query}" if query else place, str(link["rel"]), GEOJSON))
    counts = {name: source[name] for name in ("numberMatched", "numberReturned") if isinstance(source.get(name), int)}
    moment = {"timeStamp": source["timeStamp"][:40]} if isinstance(source.get("timeStamp"), str) else {}
    return {
        "type": "FeatureCollection",
        "features": [_feature(entry) for entry in features],
        **counts,
        **moment,
        "links": links,
    }


def feature(base: str, source: Mapping[str, Any], item: str, name: str) -> dict[str, Any]:
    """Return one feature."""
    place = f"{base}/collections/{quote(item, safe='')}"
    links = [_link(f"{place}/items/{quote(name, safe='')}", "self", GEOJSON), _link(place, "collection", _JSON)]
    return {**_feature(source), "links": links}


def no_feature() -> NotFound:
    """Return the error for a feature that is not there."""
    return NotFound("the data source has no such feature", remedy="ask for …/items to see which there are")


def write(content: Mapping[str, Any]) -> bytes:
    """Return a document as JSON."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _feature(source: Any) -> dict[str, Any]:
    if not isinstance(source, Mapping) or source.get("type") != "Feature":
        raise DataSourceUnreachable("the data source sends something other than features")
    members = {name: source[name] for name in ("id", "geometry", "properties", "bbox") if name in source}
    return {"type": "Feature", **members}


def _query(href: str, address: str) -> str | None:
    """Return the query of a link to a page of the same collection; None if it leads elsewhere."""
    try:
        there, here = urlsplit(urljoin(address, href)), urlsplit(address)
    except ValueError:
        return None
    # Servers behind a proxy often know themselves by another name: the path decides, and only the query is used.
    if there.path.rstrip("/") != here.path.rstrip("/") and not there.path.rstrip("/").endswith(
        "/".join(here.path.rstrip("/").split("/")[-3:])
    ):
        return None
    from urllib.parse import parse_qsl

    pairs = parse_qsl(there.query, keep_blank_values=True, max_num_fields=100)
    return urlencode([(name, value) for name, value in pairs if name.lower() != "f"])


def _texts(source: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {name: source[name][:_LONG] for name in names if isinstance(source.get(name), str)}


def _plain(value: Any, depth: int = 6) -> bool:
    """Return whether a value is made of numbers, texts and lists without addresses of other places than OGC's."""
    if depth < 0:
        return False
    if isinstance(value, str):
        return len(value) <= _LONG and (
            "://" not in value or value.startswith(("http://www.opengis.net/", "https://www.opengis.net/"))
        )
    if isinstance(value, list):
        return all(_plain(entry, depth - 1) for entry in value)
    if isinstance(value, Mapping):
        return all(_plain(entry, depth - 1) for entry in value.values())
    return value is None or isinstance(value, bool | int | float)


def _link(href: str, rel: str, kind: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": kind}
