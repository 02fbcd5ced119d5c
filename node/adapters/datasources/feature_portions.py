"""The part of a collection that a reader may have: what it may ask of the source, and what it sees of the answer.

The source's own query leaves out what it can (rows by equality, a box), and this module checks every feature again. A
reader sends only parameters from a list, so that none can widen the part, or tell by its answer what is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from node.base.errors import InvalidInput
from node.datasources.errors import DataSourceUnreachable
from node.policy.portion import Box, Portion

GEOMETRY: Final = "geometry"
ID: Final = "id"
"""The names under which a part lists the geometry and the identifier of features, as if they were columns."""
KINDS: Final = frozenset({"columns", "boxes", "eq", "neq", "lt", "lteq", "gt", "gteq"})
_PAGING: Final = ("limit", "offset", "startindex")
_CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_RESERVED: Final = (
    *_PAGING,
    "f",
    "bbox",
    "bbox-crs",
    "crs",
    "datetime",
    "properties",
    "sortby",
    "filter",
    "q",
    "ids",
)
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A reader's query within its part. ``to_source`` are the parameters for the source; None if nothing can
    match, so that the source need not be asked. ``own`` are the reader's own, for links; ``properties`` is its
    selection."""

    to_source: Pairs | None
    own: Pairs
    properties: frozenset[str] | None = None


class FeaturePortion:
    """One part of one collection. ``names`` are the columns of the collection, if the part leaves none out."""

    def __init__(self, portion: Portion, names: Sequence[str] = ()) -> None:
        self._portion = portion
        self._names = frozenset(names if portion.columns is None else portion.columns) - {GEOMETRY}
        self._equal = {
            condition.column: condition.value
            for condition in portion.rows
            if condition.operator == "eq" and condition.column.lower() not in _RESERVED
        }
        # What the source does not leave out itself shows in how it pages: then readers may only page.
        self._only_paging = any(self._equal.get(row.column) != row.value for row in portion.rows)

    @property
    def shows_ids(self) -> bool:
        return self._portion.shows(ID)

    def choose(self, parameters: Iterable[tuple[str, str]]) -> Choice:
        """Return what goes to the source. Raises ``InvalidInput`` for a parameter that the part does not allow."""
        if self._portion.is_whole:
            return Choice(to_source=tuple(parameters), own=())
        to_source: list[tuple[str, str]] = []
        own: list[tuple[str, str]] = []
        boxes = list(self._portion.boxes)
        selection: frozenset[str] | None = None
        is_empty = False
        for name, value in parameters:
            own.append((name, value))
            match self._role(name, value):
                case "passed":
                    to_source.append((name, value))
                case "properties":
                    selection = frozenset(self._require(part) for part in value.split(","))
                case "bbox":
                    boxes.append(_read_box(value))
                case "column" if name not in self._equal:
                    to_source.append((name, value))
                case "column":
                    is_empty = is_empty or self._equal[name] != value
        to_source += sorted(self._equal.items())
        box = _overlap(boxes)
        if box is not None:
            is_empty = is_empty or box[0] > box[2] or box[1] > box[3]
            to_source.append(("bbox", ",".join(map(repr, box))))
        return Choice(to_source=None if is_empty else tuple(to_source), own=tuple(own), properties=selection)

    def _role(self, name: str, value: str) -> str:
        """Return what a parameter of the reader is. Raises ``InvalidInput`` for one that the part does not allow."""
        lower = name.lower()
        if lower in _PAGING:
            return "passed"
        if lower in ("crs", "bbox-crs") and value == _CRS84:
            return "default"
        if lower == "properties":
            return lower
        if self._only_paging:
            raise self._refusal(name)
        if lower == "bbox" and self._portion.shows(GEOMETRY):
            return lower
        if lower == "datetime" and self._portion.columns is None:
            return "passed"
        if lower == "sortby":
            for part in value.split(","):
                self._require(part.strip().lstrip("+-"))
            return "passed"
        if lower not in _RESERVED and name in self._names:
            return "column"
        raise self._refusal(name)

    def choose_for_one(self, parameters: Iterable[tuple[str, str]]) -> Choice:
        """Return what goes to the source when one feature is asked for: of a part, a selection of columns only."""
        if self._portion.is_whole:
            return Choice(to_source=tuple(parameters), own=())
        pairs = [(name, value) for name, value in parameters if name.lower() != "crs" or value != _CRS84]
        for name, _ in pairs:
            if name.lower() != "properties":
                raise self._refusal(name)
        return replace(self.choose(pairs), to_source=())

    def page(self, source: Mapping[str, Any], choice: Choice) -> dict[str, Any]:
        """Return a page of the source with what the reader may have. Raises ``DataSourceUnreachable`` if the source
        pages in a way that would show what is left out."""
        if self._portion.is_whole:
            return dict(source)
        features = source.get("features")
        if source.get("type") != "FeatureCollection" or not isinstance(features, list):
            raise DataSourceUnreachable("the data source sends no GeoJSON")
        parts = [part for feature in features if (part := self.feature(feature, choice)) is not None]
        members = {name: source[name] for name in ("type", "timeStamp") if name in source}
        counts: dict[str, Any] = {"numberReturned": len(parts)}
        if not self._portion.rows and not self._portion.boxes and "numberMatched" in source:
            counts["numberMatched"] = source["numberMatched"]
        stated = source.get("links")
        links = [self._link(link, choice) for link in stated if _pages(link)] if isinstance(stated, list) else []
        return {**members, **counts, "features": parts, "links": links}

    def feature(self, feature: Any, choice: Choice | None = None) -> dict[str, Any] | None:
        """Return a feature with what the reader may have of it; None if it lies outside the part."""
        if self._portion.is_whole:
            return dict(feature)
        if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
            raise DataSourceUnreachable("the data source sends something other than features")
        stated = feature.get("properties")
        properties = dict(stated) if isinstance(stated, Mapping) else {}
        values = {ID: feature.get("id"), **properties}
        if not all(row.admits(values.get(row.column)) for row in self._portion.rows):
            return None
        if not all(touches(feature.get("geometry"), box) for box in self._portion.boxes):
            return None
        wish = choice.properties if choice is not None else None
        members: dict[str, Any] = {
            "type": "Feature",
            "geometry": feature.get("geometry") if self._portion.shows(GEOMETRY) else None,
            "properties": {
                name: value
                for name, value in properties.items()
                if self._portion.shows(name) and (wish is None or name in wish)
            },
        }
        if self.shows_ids and "id" in feature:
            members["id"] = feature["id"]
        return members

    def collection(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """Return the description of the collection: its extent would tell where and when the rest lies."""
        if self._portion.is_whole:
            return dict(source)
        members = {name: source[name] for name in ("id", "title", "description") if name in source}
        box = _overlap(self._portion.boxes)
        return {**members, **({"extent": {"spatial": {"bbox": [list(box)], "crs": _CRS84}}} if box else {})}

    def queryables(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns that the reader may have, without their ranges of values."""
        if self._portion.is_whole:
            return dict(source)
        stated = source.get("properties")
        columns = stated if isinstance(stated, Mapping) else {}
        told = ("type", "format", "title", "description")
        properties = {
            name: {fact: facts[fact] for fact in told if fact in facts} if isinstance(facts, Mapping) else {}
            for name, facts in columns.items()
            if self._portion.shows(str(name))
        }
        return {**({"title": source["title"]} if "title" in source else {}), "properties": properties}

    def conformance(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """Return the classes that hold for a part: pages of GeoJSON, without other filters and systems."""
        if self._portion.is_whole:
            return dict(source)
        stated = source.get("conformsTo")
        classes = stated if isinstance(stated, list) else []
        return {"conformsTo": [name for name in classes if isinstance(name, str) and "/ogcapi-features-1/" in name]}

    def _link(self, link: Mapping[str, Any], choice: Choice) -> dict[str, Any]:
        """Return a link to another page with the reader's own parameters, and the place of the page."""
        address, _, _ = link["href"].partition("?")
        pairs = parse_qsl(urlsplit(link["href"]).query, keep_blank_values=True, max_num_fields=100)
        place = [(name, value) for name, value in pairs if name.lower() in _PAGING]
        if not any(name.lower() != "limit" for name, _ in place) and link["rel"] == "next":
            raise DataSourceUnreachable(
                "the data source has more pages, and names them in a way that cannot be narrowed",
                remedy="ask for all at once: a larger limit",
            )
        own = [(name, value) for name, value in choice.own if name.lower() not in _PAGING]
        return {"rel": link["rel"], "href": f"{address}?{urlencode([*own, *place])}"}

    def _require(self, name: str) -> str:
        if name not in self._names:
            raise self._refusal(name)
        return name

    def _refusal(self, name: str) -> InvalidInput:
        columns = [] if self._only_paging else [*(["bbox"] if self._portion.shows(GEOMETRY) else []), "sortby"]
        names = ", ".join(["limit", "offset", "properties", *columns, *sorted(self._names)[:50]])
        return InvalidInput(
            f"the agreement gives a part of the data, in which {name[:60]!r} cannot be asked for",
            remedy=f"it knows: {names}",
        )


def _pages(link: Any) -> bool:
    return (
        isinstance(link, Mapping)
        and link.get("rel") in ("next", "prev", "previous")
        and isinstance(link.get("href"), str)
    )


def touches(geometry: Any, box: Box) -> bool:
    """Return whether the extent of a geometry touches a box."""
    places = list(_places(geometry))
    if not places:
        return False
    easts, norths = [east for east, _ in places], [north for _, north in places]
    return min(easts) <= box[2] and max(easts) >= box[0] and min(norths) <= box[3] and max(norths) >= box[1]


def _places(geometry: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(geometry, Mapping):
        return
    members = geometry.get("geometries")
    for member in members if isinstance(members, list) else []:
        yield from _places(member)
    yield from _positions(geometry.get("coordinates"))


def _positions(value: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(value, list) or not value:
        return
    if isinstance(value[0], list):
        for entry in value:
            yield from _positions(entry)
    elif len(value) > 1 and all(isinstance(number, int | float) for number in value[:2]):
        yield float(value[0]), float(value[1])


def _overlap(boxes: Sequence[Box]) -> Box | None:
    if not boxes:
        return None
    return (
        max(box[0] for box in boxes),
        max(box[1] for box in boxes),
        min(box[2] for box in boxes),
        min(box[3] for box in boxes),
    )


def _read_box(value: str) -> Box:
    try:
        west, south, east, north = (float(number) for number in value.split(","))
    except ValueError as error:
        raise InvalidInput("bbox has four numbers", remedy="west,south,east,north in degrees") from error
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput("bbox is no box on Earth", remedy="west,south,east,north in degrees")
    return west, south, east, north
