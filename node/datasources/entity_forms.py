"""Entities of NGSI-LD (ETSI GS CIM 009) as a context broker takes them, made of rows, features and foreign entities.

``fingerprint`` is the same for what was sent and for what a broker gives back, unless somebody changed it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any, Final
from urllib.parse import quote

from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.datasources.entities import CORE_MEMBERS, TIMES, VALUES, is_attribute

IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}:[^\s<>\"\\{}|^`\x00-\x1f\x7f]{1,500}")
"""The form of the id of an entity: a URI."""
LOCATION: Final = "location"
_GEOMETRIES: Final = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
_TYPE_OF_MEMBER: Final = {
    "value": "Property",
    "object": "Relationship",
    "languageMap": "LanguageProperty",
    "vocab": "VocabProperty",
    "json": "JsonProperty",
    "valueList": "ListProperty",
    "objectList": "ListRelationship",
}
_KEPT_BY_BROKER: Final = frozenset({*TIMES, "instanceId"})
_BESIDE: Final = frozenset({"type", "observedAt", "unitCode", "datasetId", *VALUES})
_WHOLE: Final = 1 << 53
_MOST_DEPTH: Final = 60


def entity_of_row(row: Mapping[str, Any], type_name: str, column: str) -> dict[str, Any]:
    """Return the entity that a row of a table is, named by the value of ``column``. Empty cells are left out; a
    column ``type`` that says the type is too. Raises ``InvalidInput`` if there is no such value."""
    entity: dict[str, Any] = {"id": identify(row.get(column), type_name, column), "type": type_name}
    for name, value in row.items():
        if name == column or (name == "type" and value == type_name):
            continue
        attribute = _attribute(value)
        if attribute is not None:
            _add(entity, _name(name), attribute)
    return entity


def entity_of_feature(feature: Mapping[str, Any], type_name: str, column: str) -> dict[str, Any]:
    """Return the entity that a feature of GeoJSON is, with its geometry as ``location``. It is named by its own
    ``id``, or by the property ``column``. Raises ``InvalidInput``."""
    properties = feature.get("properties")
    row = dict(properties) if isinstance(properties, Mapping) else {}
    if column == "id" and column not in row:
        row[column] = feature.get("id")
    geometry = feature.get("geometry")
    if geometry is not None and not _is_geometry(geometry):
        raise InvalidInput("a feature of the file has a geometry that is none of GeoJSON", remedy=_ELSEWHERE)
    entity: dict[str, Any] = {"id": identify(row.get(column), type_name, column), "type": type_name}
    if geometry is not None:
        entity[LOCATION] = {"type": "GeoProperty", "value": geometry}
    rest = entity_of_row(row, type_name, column)
    for name, attribute in rest.items():
        if name not in ("id", "type"):
            _add(entity, name, attribute)
    return entity


def entity_of_entity(source: Any, type_name: str) -> dict[str, Any]:
    """Return a foreign entity in the normalized form, without what brokers keep themselves and without contexts: the
    names of a broker are those of its own context. Raises ``InvalidInput`` if it is none of the type."""
    if not isinstance(source, Mapping):
        raise InvalidInput("the file has something between its entities that is none", remedy=_ELSEWHERE)
    types = source.get("type")
    own = types if isinstance(types, list) else [types]
    if type_name not in own:
        names = ", ".join(str(name)[:80] for name in own[:3])
        raise InvalidInput(
            f"the file has entities of the type {names}, which is not {type_name}",
            remedy=f"name the type that they have: --to {names or 'TrafficCounter'}",
        )
    identifier = source.get("id")
    if not isinstance(identifier, str) or not IDENTIFIER.fullmatch(identifier):
        raise InvalidInput("an entity of the file has an id that is no URI", remedy="such as urn:ngsi-ld:Station:1")
    entity: dict[str, Any] = {
        "id": identifier,
        "type": types if isinstance(types, list) and len(types) > 1 else type_name,
    }
    for name, value in source.items():
        if name == "scope":
            entity[name] = value
        elif name not in CORE_MEMBERS and not name.startswith("@"):
            attribute = _attribute(value)
            if attribute is not None:
                _add(entity, _name(name), attribute)
    return entity


def identify(value: Any, type_name: str, column: str) -> str:
    """Return the id of the entity with this value in its column: the value itself if it is a URI. Raises
    ``InvalidInput`` if there is none."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        value = int(value)
    text = "" if value is None or isinstance(value, Mapping | list | bool) else str(value).strip()
    if not text or len(text) > 200:
        raise InvalidInput(
            f"a row has no {column[:80]} that could name its entity",
            remedy=f"name the column that does, behind a full stop: --to {type_name}.station",
        )
    if IDENTIFIER.fullmatch(text):
        return text
    return f"urn:ngsi-ld:{quote(type_name, safe='')}:{quote(text, safe='-._~')}"


def fingerprint(entity: Mapping[str, Any]) -> str:
    """Return 16 digits for the content of an entity. Differences that brokers make are none: members that they keep,
    contexts, forms of one moment, numbers and lists of one value."""
    return hashlib.sha256(canonical(_settle(entity, 0), fractions=True)).hexdigest()[:16]


_ELSEWHERE: Final = "send it to a folder or a bucket instead"


def _attribute(value: Any) -> Any:
    """Return an attribute in the normalized form; None for no value."""
    if isinstance(value, list) and value and all(is_attribute(entry) for entry in value):
        instances = [attribute for entry in value if (attribute := _normalize(entry)) is not None]
        return instances[0] if len(instances) == 1 else instances or None
    if is_attribute(value):
        return _normalize(value)
    plain = _plain(value, 0)
    if plain is None:
        return None
    return {"type": "GeoProperty" if _is_geometry(plain) else "Property", "value": plain}


def _normalize(source: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an attribute of a normalized or concise entity (clauses 4.5.1 and 4.5.2) in the normalized form; None if
    it has no value."""
    member = next(name for name in VALUES if name in source)
    if source[member] is None:
        return None
    kind = source.get("type")
    if not isinstance(kind, str):
        kind = "GeoProperty" if _is_geometry(source[member]) else _TYPE_OF_MEMBER[member]
    attribute: dict[str, Any] = {"type": kind}
    for name, value in source.items():
        if name == "observedAt":
            attribute[name] = _require_moment(value)
        elif name in _BESIDE:
            attribute.setdefault(name, _plain(value, 0))
        elif name not in _KEPT_BY_BROKER and not name.startswith(("@", "previous")):
            inner = _attribute(value)
            if inner is not None:
                attribute[_name(name)] = inner
    return attribute


def _require_moment(value: Any) -> str:
    """Return the moment of an observation (clause 4.8). A broker refuses or changes anything else."""
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"an entity of the file says observedAt {str(value)[:80]!r}, which is no moment",
            remedy=f"such as 2026-11-01T08:00:00Z; or {_ELSEWHERE}",
        ) from None
    return str(value)


def _plain(value: Any, depth: int) -> Any:
    """Return a value as JSON that a broker takes; None for no value."""
    if depth > _MOST_DEPTH:
        raise InvalidInput("a value of the file is nested too deeply", remedy=_ELSEWHERE)
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else None
        case Decimal():
            return (int(value) if value == value.to_integral_value() else float(value)) if value.is_finite() else None
        case datetime():
            moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            return {"@type": "DateTime", "@value": moment.isoformat().replace("+00:00", "Z")}
        case date():
            return {"@type": "Date", "@value": value.isoformat()}
        case time():
            return {"@type": "Time", "@value": value.isoformat()}
        case bytes():
            raise InvalidInput("a column of the file has bytes, which no entity takes", remedy=_ELSEWHERE)
        case Mapping():
            return {
                str(name): plain
                for name, entry in value.items()
                if name != "@context" and (plain := _plain(entry, depth + 1)) is not None
            }
        case list() | tuple():
            return [plain for entry in value if (plain := _plain(entry, depth + 1)) is not None]
        case _:
            return str(value)


def _is_geometry(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("type"), str)
        and value["type"] in _GEOMETRIES
        and isinstance(value.get("coordinates", value.get("geometries")), list)
    )


def _name(column: str) -> str:
    """Return the name of an attribute (clause 4.6.2): letters, digits and underscores, a letter first."""
    if ":" in column and IDENTIFIER.fullmatch(column):
        return column
    plain = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_") or "column"
    name = name if name[0].isalpha() else f"c_{name}"
    return f"{name}_" if name in CORE_MEMBERS else name


def _add(entity: dict[str, Any], name: str, attribute: Any) -> None:
    if name in entity:
        raise InvalidInput(f"two columns of the file would both be the attribute {name[:80]}", remedy=_ELSEWHERE)
    entity[name] = attribute


def _settle(value: Any, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        raise InvalidInput("an entity is nested too deeply", remedy="look at it at the broker")
    match value:
        case Mapping():
            return {
                str(name): _settle(_moment(entry) if name in ("observedAt", "@value") else entry, depth + 1)
                for name, entry in value.items()
                if name not in _KEPT_BY_BROKER and name != "@context"
            }
        case list() if len(value) == 1:
            return _settle(value[0], depth + 1)
        case list():
            entries = [_settle(entry, depth + 1) for entry in value]
            if all(isinstance(entry, Mapping) and is_attribute(entry) for entry in entries):
                entries.sort(key=lambda entry: str(entry.get("datasetId", "")))
            return entries
        case float() if value.is_integer() and abs(value) < _WHOLE:
            return int(value)
        case int() if not isinstance(value, bool) and abs(value) >= _WHOLE:
            return float(value)
        case _:
            return value


def _moment(value: Any) -> Any:
    """Return a moment in one form; anything else as it is."""
    if not isinstance(value, str) or "T" not in value:
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return moment.astimezone(UTC).isoformat() if moment.tzinfo is not None else value
