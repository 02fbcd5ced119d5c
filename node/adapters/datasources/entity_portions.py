"""The part of the entities of a type that a reader may have: what it may ask of the broker, and what it sees.

Attributes are the columns; ``id``, ``scope`` and the times of an entity count as columns too. This module checks
every entity itself, whatever the broker was asked. If entities are left out, that shows in how the broker pages and
counts: then readers may only page, and choose members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from node.adapters.datasources import entity_documents as documents
from node.adapters.datasources.entity_questions import Place, Wish, read_wish
from node.adapters.datasources.feature_portions import touches
from node.base.errors import InvalidInput, NotFound
from node.base.jsons import canonical_text
from node.datasources.entities import CORE_MEMBERS, TIMES
from node.policy.portion import Box, Portion, RowCondition

KINDS: Final = frozenset({"columns", "boxes", "eq", "neq", "lt", "lteq", "gt", "gteq"})
LOCATION: Final = "location"
"""The attribute that a box is about."""
_PAGING: Final = ("limit", "offset", "pick", "attrs", "options", "format", "type")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,199}", re.ASCII)
_ORDERS: Final = ("lt", "lteq", "gt", "gteq")
_TEXT: Final = re.compile(r"(?!(?:true|false)$)[A-Za-z][A-Za-z0-9 _:-]*", re.ASCII)
_VALUE: Final = r'(?:"[^"\\]*"|[\w.:/#@%+-]+)'
_TERM: Final = re.compile(
    rf'([^\W\d_]\w*)(?:\.\w+)*(?:\[[\w.*]+\])?(?:(?:[=!]=|[<>]=?){_VALUE}(?:,{_VALUE})*|!?~="[^"\\]*")?'
)


class EntityPortion:
    """One part of the entities of one type."""

    def __init__(self, portion: Portion) -> None:
        self._portion = portion

    @property
    def leaves_out(self) -> bool:
        """Return whether entities are left out: then the query to the broker is the node's, not the reader's."""
        return bool(self._portion.rows or self._portion.boxes)

    @property
    def shows_ids(self) -> bool:
        return self._portion.shows("id")

    def wish(self, place: Place, parameters: Sequence[tuple[str, str]], item: str) -> Wish:
        """Return a reader's question within the part. Raises ``InvalidInput`` for one that could tell of the rest,
        and ``NotFound`` for what the part does not give."""
        if self._portion.is_whole:
            return read_wish(place, parameters, item)
        if place.is_history and (self.leaves_out or not self._attributes):
            raise NotFound("the agreement gives a part of the data without history", remedy="ask for …/entities")
        for name, value in parameters:
            self._check(name, value)
        wish = read_wish(place, parameters, item)
        if self.leaves_out:
            return self._ask_for_the_part(place, wish, item)
        if place.is_history:
            # The period of an answer is that of its attributes.
            chosen = wish.attributes or frozenset()
            attributes = [name for name in self._attributes if name in chosen] or self._attributes
            others = [(name, value) for name, value in wish.to_source if name != "attrs"]
            return replace(wish, to_source=(*others, ("attrs", ",".join(attributes))))
        return wish

    def entity(self, source: Mapping[str, Any], wish: Wish) -> dict[str, Any] | None:
        """Return what the reader may have of an entity; None if it lies outside the part."""
        if self._portion.is_whole:
            return documents.entity(source, wish)
        rows, boxes = self._portion.rows, self._portion.boxes
        if not all(meets(source, row) for row in rows) or not all(touches_box(source, box) for box in boxes):
            return None
        if self.leaves_out and wish.attributes is not None and wish.attributes.isdisjoint(source):
            return None
        members = {name: value for name, value in source.items() if name == "type" or self._portion.shows(name)}
        entity = documents.entity(members, replace(wish, is_plain=wish.is_plain and not self.leaves_out))
        if self.leaves_out and not wish.wants_times:
            entity = documents.without_times(entity)
        return documents.simple_entity(entity) if self.leaves_out and wish.is_plain else entity

    @property
    def _attributes(self) -> tuple[str, ...]:
        columns = self._portion.columns or ()
        return tuple(name for name in columns if name not in CORE_MEMBERS)

    def _check(self, name: str, value: str) -> None:
        """Raise ``InvalidInput`` for a parameter that could tell of what is left out."""
        if self.leaves_out and (name not in _PAGING or "concise" in value.split(",")):
            raise self._refusal(name)
        columns = self._portion.columns
        if columns is None:
            return
        names: Sequence[str] = ()
        match name:
            case "attrs" | "pick":
                names = value.split(",")
            case "q":
                names = attributes_of(value)
            case "georel":
                names = (LOCATION,)
            case "geoproperty":
                names = (value,)
        if any(column not in columns and column != "type" for column in names):
            raise self._refusal(name)

    def _ask_for_the_part(self, place: Place, wish: Wish, item: str) -> Wish:
        """Return the question for the broker: all members, as they are needed for the check, and of several entities
        those of the part, as far as the broker's own query is exact."""
        paging = [(name, value) for name, value in wish.to_source if name in ("limit", "offset")]
        is_timed = wish.wants_times or any(row.column.rpartition(".")[2] in TIMES for row in self._portion.rows)
        times = [("options", "sysAttrs")] if is_timed else []
        if not place.is_list:
            return replace(wish, to_source=tuple(times))
        terms = [f"{row.column}=={canonical_text(row.value)}" for row in self._portion.rows if _is_exact(row)]
        query = [("q", ";".join(terms))] if terms else []
        area = _area(self._portion.boxes[0]) if len(self._portion.boxes) == 1 else ()
        return replace(wish, to_source=(("type", item), *query, *area, *paging, *times))

    def _refusal(self, name: str) -> InvalidInput:
        columns = self._portion.columns
        names = f" (of {', '.join(sorted(columns)[:50])})" if columns is not None else ""
        others = "" if self.leaves_out else ", q, georel and count"
        return InvalidInput(
            f"the agreement gives a part of the data, in which {name[:60]!r} cannot be asked so",
            remedy=f"it knows: limit, offset, options, pick and attrs{names}{others}",
        )


def _is_exact(row: RowCondition) -> bool:
    """Return whether the broker's query means the same as a condition: an attribute that is a certain word."""
    return (
        row.operator == "eq"
        and row.column not in CORE_MEMBERS
        and _NAME.fullmatch(row.column) is not None
        and _TEXT.fullmatch(row.value) is not None
    )


def _area(box: Box) -> tuple[tuple[str, str], ...]:
    """Return the parameters for entities in a box (clause 4.10)."""
    west, south, east, north = box
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    ring = ",".join(f"[{east_of!r},{north_of!r}]" for east_of, north_of in corners)
    return ("georel", "intersects"), ("geometry", "Polygon"), ("coordinates", f"[[{ring}]]")


def meets(source: Mapping[str, Any], row: RowCondition) -> bool:
    """Return whether an entity meets a condition about a member, an attribute, or a member of an attribute such as
    ``intensity.observedAt``. Of an attribute with several instances, all must meet it."""
    if row.column in CORE_MEMBERS:
        return _admits(row, source.get(row.column))
    name, _, member = (row.column, "", "") if row.column in source else row.column.partition(".")
    attribute = source.get(name)
    instances = attribute if isinstance(attribute, list) else [attribute]
    values = [_value(_value_of_member(instance, member)) for instance in instances]
    return bool(values) and all(_admits(row, value) for value in values)


def _admits(row: RowCondition, value: Any) -> bool:
    """Return whether a value meets a condition. Brokers know no types: where a condition orders numbers, a text that
    is a number is compared as one, since the text ``5000`` comes before ``600``."""
    if row.operator in _ORDERS and isinstance(value, str) and _number(row.value) is not None:
        number = _number(value)
        return row.admits(value if number is None else number)
    return row.admits(value)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _value_of_member(instance: Any, member: str) -> Any:
    if not isinstance(instance, Mapping):
        return None
    content = instance.get(member) if member else instance
    return content.get("value", content.get("object")) if isinstance(content, Mapping) else content


def _value(value: Any) -> Any:
    """Return a value; of one with a type, such as a moment, the text."""
    return value.get("@value") if isinstance(value, Mapping) else value


def touches_box(source: Mapping[str, Any], box: Box) -> bool:
    attribute = source.get(LOCATION)
    instances = attribute if isinstance(attribute, list) else [attribute]
    return bool(instances) and all(
        isinstance(instance, Mapping) and touches(instance.get("value"), box) for instance in instances
    )


def attributes_of(query: str) -> list[str]:
    """Return the attributes that a query is about. Raises ``InvalidInput`` if that is not certain."""
    names: list[str] = []
    position = 0
    while position < len(query):
        if query[position] in "();|":
            position += 1
            continue
        match = _TERM.match(query, position)
        if match is None:
            raise InvalidInput(
                "this query cannot be given to a part of the data",
                remedy='write it without spaces and backslashes, such as intensity>20;kind=="bikes"',
            )
        names.append(match[1])
        position = match.end()
    return names
