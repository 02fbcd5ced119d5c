"""The questions that a reader may ask about the entities of one type (NGSI-LD, ETSI GS CIM 009).

Every parameter is on a list and its value is checked: one that could bring entities of another type, of another
tenant or of another broker is refused in words before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import quote

from node.base.errors import InvalidInput, NotFound
from node.datasources.entities import CORE_MEMBERS

MOST_ENTITIES: Final = 1000
"""The largest ``limit`` of a page."""
_ROOT: Final = "ngsi-ld/v1"
_TYPE: Final = re.compile(r"[^\W\d_][\w-]{0,199}")
_MEMBER: Final = re.compile(r"[^\W\d_][\w.:/#%~+-]{0,199}")
_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}:[^\s<>\"\\{}|^`\x00-\x1f\x7f]{1,500}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_GEOREL: Final = re.compile(
    r"near;(?:max|min)Distance==[0-9]{1,12}(?:\.[0-9]{1,12})?|within|contains|overlaps|intersects|equals|disjoint"
)
_GEOMETRIES: Final = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
_COORDINATES: Final = re.compile(r"[\[\]0-9.,eE+\- ]{3,3000}", re.ASCII)
_CODE: Final = re.compile(r"%[0-9A-Fa-f]{2}", re.ASCII)
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9T:.Z+-]{1,40}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9*,;=. -]{1,100}", re.ASCII)
_REPRESENTATIONS: Final = frozenset({"normalized", "concise", "simplified", "keyValues"})
_SIMPLE: Final = frozenset({"simplified", "keyValues"})
_TIME_PAIRS: Final = "temporalValues"

Pairs = tuple[tuple[str, str], ...]


class Place(Enum):
    """The addresses below a data source of entities: as they are now, or through time; all of the type, or one."""

    ENTITIES = "entities"
    ENTITY = "entities/{id}"
    HISTORIES = "temporal/entities"
    HISTORY = "temporal/entities/{id}"

    @property
    def is_list(self) -> bool:
        return self in (Place.ENTITIES, Place.HISTORIES)

    @property
    def is_history(self) -> bool:
        return self in (Place.HISTORIES, Place.HISTORY)


_SELECTION: Final = ("attrs", "pick", "options", "format", "lang", "type")
_FILTER: Final = ("q", "georel", "geometry", "coordinates", "geoproperty", "limit", "offset", "count")
_TIMES: Final = ("timerel", "timeAt", "endTimeAt", "timeproperty", "lastN")
PARAMETERS: Final[dict[Place, tuple[str, ...]]] = {
    Place.ENTITIES: (*_SELECTION, *_FILTER),
    Place.ENTITY: _SELECTION,
    Place.HISTORIES: (*_SELECTION, *_FILTER, *_TIMES),
    Place.HISTORY: (*_SELECTION, *_TIMES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A place that a reader asks for. ``identifier`` is that of an entity, for a single one."""

    place: Place
    identifier: str = ""

    @property
    def path(self) -> str:
        """Return the path below the broker's address, ready for a URL."""
        if self.place.is_list:
            return self.place.value
        return self.place.value.replace("{id}", quote(self.identifier, safe=":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A reader's question after its check. ``to_source`` goes to the broker, ``own`` into links to other pages.

    ``members`` are those of each entity that the reader chooses; None for all. ``attributes`` are those of which an
    entity must have one; None for any entity. ``is_plain`` says that attributes come as values alone.
    ``wants_times`` asks for the times that the broker keeps. ``start`` is the offset.
    """

    to_source: Pairs
    own: Pairs
    members: frozenset[str] | None = None
    attributes: frozenset[str] | None = None
    is_plain: bool = False
    wants_count: bool = False
    wants_times: bool = False
    start: int = 0


def is_type(name: str) -> bool:
    """Return whether ``name`` is the short name of an entity type: no expression for several (clause 4.17)."""
    return _TYPE.fullmatch(name) is not None


def address_of(path: str) -> Address:
    """Return the place that a path names; without a path, the entities. Raises ``NotFound``."""
    rest = path.removeprefix(_ROOT).removeprefix("/") if path == _ROOT or path.startswith(f"{_ROOT}/") else path
    if rest in ("", "entities", "entities/"):
        return Address(place=Place.ENTITIES)
    if rest in ("temporal/entities", "temporal/entities/"):
        return Address(place=Place.HISTORIES)
    for start, place in (("entities/", Place.ENTITY), ("temporal/entities/", Place.HISTORY)):
        if rest.startswith(start):
            identifier = rest.removeprefix(start)
            if not _ID.fullmatch(identifier) or not {".", ".."}.isdisjoint(identifier.split("/")):
                raise no_entity()
            return Address(place=place, identifier=identifier)
    raise NotFound(
        "only entities and their history are shared here",
        remedy=f"ask for {', '.join(place.value for place in Place)}",
    )


def no_entity() -> NotFound:
    """Return the error for an entity that is not there, or not of the type."""
    return NotFound("the data source has no such entity", remedy="ask for …/entities to see which there are")


def read_wish(place: Place, parameters: Sequence[tuple[str, str]], item: str) -> Wish:
    """Return the question about entities of the type ``item``. Raises ``InvalidInput`` with what is understood."""
    values: dict[str, str] = {}
    for name, value in parameters:
        if name not in PARAMETERS[place]:
            raise _refusal(place, name)
        if name in values:
            raise InvalidInput(f"{name} is given twice", remedy=f"give {name} once, with commas between values")
        values[name] = value
        if name == "type" and value != item:
            raise InvalidInput(
                f"only entities of the type {item} are shared here", remedy="leave out the parameter type"
            )
        form = _FORMS.get(name)
        if form is not None and not form[0](value):
            raise InvalidInput(f"the value of {name} is not understood", remedy=form[1])
    words = _representation(place, values)
    _check_together(values)
    to_source = [(name, value) for name, value in values.items() if name not in ("type", "pick")]
    return Wish(
        to_source=(*((("type", item),) if place.is_list else ()), *to_source),
        own=tuple((name, value) for name, value in values.items() if name not in ("limit", "offset")),
        members=_members(values),
        attributes=frozenset(values["attrs"].split(",")) if "attrs" in values else None,
        is_plain=bool(words & {*_SIMPLE, _TIME_PAIRS}),
        wants_count=values.get("count") == "true",
        wants_times="sysAttrs" in values.get("options", "").split(","),
        start=int(values.get("offset", "0")),
    )


def _members(values: dict[str, str]) -> frozenset[str] | None:
    if "pick" in values:
        return frozenset(values["pick"].split(","))
    return CORE_MEMBERS | frozenset(values["attrs"].split(",")) if "attrs" in values else None


def _representation(place: Place, values: dict[str, str]) -> frozenset[str]:
    """Return the words for the form of the answer. Raises ``InvalidInput`` for others, and for several forms."""
    forms = {*_REPRESENTATIONS, *([_TIME_PAIRS] if place.is_history else [])}
    options = frozenset(values["options"].split(",")) if "options" in values else frozenset()
    choice = {*(options & forms), *([values["format"]] if "format" in values else [])}
    if options - forms - {"sysAttrs"} or choice - forms:
        names = ", ".join(sorted({*forms, "sysAttrs"}))
        raise InvalidInput("this form of the answer is not given", remedy=f"options: {names}; format: one of them")
    if len(choice) > 1:
        raise InvalidInput("two forms of the answer are asked for", remedy="choose one of them")
    return frozenset(choice)


def _check_together(values: dict[str, str]) -> None:
    """Raise ``InvalidInput`` for parameters that need another one, or exclude each other."""
    geo = [name for name in ("georel", "geometry", "coordinates") if name in values]
    if len(geo) in (1, 2) or ("geoproperty" in values and not geo):
        raise InvalidInput("a question about places is not complete", remedy="give georel, geometry and coordinates")
    if "attrs" in values and "pick" in values:
        raise InvalidInput("attrs and pick exclude each other", remedy="give pick alone")
    if values.get("limit") == "0" and values.get("count") != "true":
        raise InvalidInput("a page without entities is only given with a count", remedy="add count=true")
    if ("timerel" in values) != ("timeAt" in values) or (values.get("timerel") == "between") != (
        "endTimeAt" in values
    ):
        raise InvalidInput(
            "a question about a time is not complete", remedy="give timerel and timeAt; endTimeAt for between"
        )


def _refusal(place: Place, name: str) -> InvalidInput:
    return InvalidInput(
        f"the parameter {name[:60]!r} is not understood here", remedy=f"what is: {', '.join(PARAMETERS[place])}"
    )


def _is_list(value: str) -> bool:
    return all(_MEMBER.fullmatch(name) for name in value.split(","))


def _is_limit(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None and int(value) <= MOST_ENTITIES


def _is_query(value: str) -> bool:
    # Braces follow a relationship to entities of other types (clause 4.9, LinkedEntityRelation).
    # A broker that decodes the query once more would see another one than this node.
    return 0 < len(value) <= 3000 and value.isprintable() and not {"{", "}"} & set(value) and not _CODE.search(value)


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


def _is_among(*words: str) -> Callable[[str], bool]:
    return lambda value: value in words


_FORMS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "attrs": (_is_list, "names of attributes, with commas between them"),
    "pick": (_is_list, "names of members, with commas between them; members of other entities cannot be picked"),
    "q": (
        _is_query,
        "a query about the entities themselves; entities that they are linked to cannot be asked; "
        "without braces, and encoded once: no codes such as %22 in the query itself",
    ),
    "georel": (_matches(_GEOREL), "such as within, or near;maxDistance==2000"),
    "geometry": (_is_among(*_GEOMETRIES), f"one of {', '.join(_GEOMETRIES)}"),
    "coordinates": (_matches(_COORDINATES), "such as [3.72,51.05]"),
    "geoproperty": (_matches(_MEMBER), "the name of an attribute, such as location"),
    "limit": (_is_limit, f"a number up to {MOST_ENTITIES}"),
    "offset": (_matches(_NUMBER), "a number"),
    "count": (_is_among("true", "false"), "true or false"),
    "lang": (_matches(_LANGUAGE), "such as nl or en,nl"),
    "timerel": (_is_among("before", "after", "between"), "before, after or between"),
    "timeAt": (_matches(_MOMENT), "such as 2026-11-01T00:00:00Z"),
    "endTimeAt": (_matches(_MOMENT), "such as 2026-11-30T23:59:59Z"),
    "timeproperty": (_is_among("observedAt", "createdAt", "modifiedAt"), "observedAt, createdAt or modifiedAt"),
    "lastN": (_is_limit, f"a number up to {MOST_ENTITIES}"),
}
"""The check of a value, and the words for its form if it fails."""
