"""Questions to a service of SensorThings: what a reader under contract may ask, and the entities that it may see."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.base.errors import InvalidInput
from node.datasources.ports import Parameters
from node.policy.portion import Portion

ID: Final = "@iot.id"
LINK: Final = "@iot.selfLink"
MOST_ENTITIES: Final = 1000
SETS: Final = (
    "Things",
    "Locations",
    "HistoricalLocations",
    "Datastreams",
    "Sensors",
    "ObservedProperties",
    "Observations",
    "FeaturesOfInterest",
)
_RELATIONS: Final = frozenset(
    (
        *SETS,
        "Thing",
        "HistoricalLocation",
        "Datastream",
        "Sensor",
        "ObservedProperty",
        "FeatureOfInterest",
        "MultiDatastream",
        "MultiDatastreams",
    )
)
"""Members that are entities of other sets (OGC 18-088 §8.2): nobody asked for them."""
_PAGES: Final = ("$top", "$skip", "$select")
_LIST: Final = (*_PAGES, "$count", "$orderby", "$filter")
_TEXT: Final = re.compile(r"'(?:[^']|'')*'")
_WORD: Final = re.compile(r"[A-Za-z_@][\w.@]*(?!\s*\()")
_OPERATORS: Final = frozenset(
    (
        "eq",
        "ne",
        "gt",
        "ge",
        "lt",
        "le",
        "and",
        "or",
        "not",
        "add",
        "sub",
        "mul",
        "div",
        "mod",
        "true",
        "false",
        "null",
        "asc",
        "desc",
        "geography",
        "duration",
    )
)
_SELECT: Final = re.compile(r"[\w.@]{1,100}(?:,[\w.@]{1,100}){0,49}")
_LONGEST: Final = 2000


class SensorView:
    """The entities of one set that a reader may have, and the questions about them."""

    def __init__(self, portion: Portion) -> None:
        self._portion = portion
        self._leaves_out = bool(portion.rows)

    @property
    def shows_ids(self) -> bool:
        return self._portion.shows("id")

    def check(self, parameters: Parameters, *, is_list: bool) -> dict[str, str]:
        """Return the values of a question. Raises ``InvalidInput`` with what is understood."""
        names = (_PAGES if self._leaves_out else _LIST) if is_list else ("$select",)
        values: dict[str, str] = {}
        for name, value in parameters:
            if name not in names or name in values or len(value) > _LONGEST:
                raise InvalidInput(
                    f"the parameter {name[:60]!r} is not understood here, or is there twice",
                    remedy=f"what is: {', '.join(names)}",
                )
            values[name] = value
        _check_forms(values)
        for name in _names(values):
            if not self._portion.shows("id" if name in ("id", ID) else name):
                raise InvalidInput(f"the agreement does not give {name[:60]!r}", remedy="leave it out")
        return values

    def entity(self, source: Any, values: Mapping[str, str]) -> dict[str, Any] | None:
        """Return an entity with the members that the agreement gives and the reader chooses; None if it is not of
        the part. Its identifier stays if the agreement gives ``id``."""
        if not isinstance(source, Mapping) or not isinstance(source.get(ID), int | str):
            return None
        if not all(row.admits(_value(source, row.column)) for row in self._portion.rows):
            return None
        choice = values["$select"].split(",") if "$select" in values else None
        return {
            name: value
            for name, value in source.items()
            if name not in _RELATIONS
            and (name == ID or "@iot." not in name)
            and self._portion.shows("id" if name == ID else name)
            and (choice is None or name == ID or name in choice)
        }


def to_source(values: Mapping[str, str]) -> Parameters:
    """Return what goes to the source: the choice of members is made here, where conditions may need the others."""
    return tuple((name, value) for name, value in values.items() if name != "$select")


def _check_forms(values: Mapping[str, str]) -> None:
    for name in ("$top", "$skip"):
        value = values.get(name, "1")
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise InvalidInput(f"{name} is no number", remedy="such as 100")
    if not 0 < int(values.get("$top", "100")) <= MOST_ENTITIES:
        raise InvalidInput("$top is out of range", remedy=f"from 1 to {MOST_ENTITIES}")
    if values.get("$count", "true") not in ("true", "false"):
        raise InvalidInput("$count is true or false", remedy="leave it out")
    if "$select" in values and not _SELECT.fullmatch(values["$select"]):
        raise InvalidInput("$select has another form", remedy="names of members, with commas between them")
    for name in ("$filter", "$orderby"):
        if "/" in _TEXT.sub("", values.get(name, "")):
            raise InvalidInput(
                f"{name} leads to other entities, which are not shared here", remedy="leave out what has /"
            )


def _names(values: Mapping[str, str]) -> Sequence[str]:
    texts = [_TEXT.sub("''", values[name]) for name in ("$filter", "$orderby", "$select") if name in values]
    return [word for text in texts for word in _WORD.findall(text) if word not in _OPERATORS]


def _value(source: Mapping[str, Any], column: str) -> Any:
    """Return the value of a column: a member, ``id``, or a member within one: ``unitOfMeasurement.symbol``."""
    name, _, member = (column, "", "") if column in source else column.partition(".")
    value = source.get(ID if name == "id" else name)
    return value.get(member) if member and isinstance(value, Mapping) else value
