"""The place of this node, as its people state it. The event stream carries it, and other nodes show it on maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from node.base.errors import InvalidInput, NotFound
from node.base.jsons import canonical, read_object
from node.base.plaintext import visible
from node.base.work import Transaction, UnitOfWork
from node.identity.model import Caller
from node.identity.ports import Notes
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.semantics.codelists.places import place_named, places_like

_KEY: Final = "place of this node"
LONGEST_NAME: Final = 80
_DECIMALS: Final = 4
"""A ten-thousandth of a degree is eleven metres: a map of members needs no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlace:
    """A place with its name, in degrees (WGS 84)."""

    name: str
    longitude: float
    latitude: float

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "longitude": self.longitude, "latitude": self.latitude}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self | None:
        """Return the place in ``body``, which may come from another node; None if it is none."""
        name, longitude, latitude = body.get("name"), _number(body.get("longitude")), _number(body.get("latitude"))
        if not isinstance(name, str) or longitude is None or latitude is None:
            return None
        clean = visible(" ".join(name.split()))[:LONGEST_NAME]
        if not clean or not is_on_earth(longitude, latitude):
            return None
        return cls(name=clean, longitude=round(longitude, _DECIMALS), latitude=round(latitude, _DECIMALS))


def is_on_earth(longitude: float, latitude: float) -> bool:
    """Return whether these are degrees of a place; not so for infinities and what is no number."""
    return -180 <= longitude <= 180 and -90 <= latitude <= 90


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _body(place: NodePlace) -> dict[str, Any]:
    """Return the place for ledger and notes, whose JSON has no fractions."""
    return {"name": place.name, "longitude": str(place.longitude), "latitude": str(place.latitude)}


class OwnPlace:
    """States the place of this node, and withdraws it. The ledger records who did it."""

    def __init__(self, uow: UnitOfWork, notes: Notes, append: Append, *, me: str) -> None:
        self._uow = uow
        self._notes = notes
        self._append = append
        self._me = me

    def read(self) -> NodePlace | None:
        """Return the place; None if it is not stated."""
        with self._uow.read() as tx:
            return self.read_within(tx)

    def read_within(self, tx: Transaction) -> NodePlace | None:
        """Return the place, in the transaction of the caller."""
        note = self._notes.get(tx, _KEY)
        return NodePlace.read(read_object(note)) if note else None

    def state(
        self, name: str, by: Caller, *, longitude: float | None = None, latitude: float | None = None
    ) -> NodePlace:
        """State that this node is at ``name``: a place of the gazetteer, or one with these degrees.

        Raises ``NotAllowed``, and ``InvalidInput`` for a missing or unknown name, or wrong degrees.
        """
        require(by, UseCase.STATE_PLACE)
        place = _place(name, longitude, latitude)
        with self._uow.begin() as tx:
            if self.read_within(tx) == place:
                return place
            self._notes.put(tx, _KEY, canonical(_body(place)).decode())
            self._note(tx, by, {"event": "place-stated", **_body(place)})
        return place

    def withdraw(self, by: Caller) -> None:
        """State no place any more. Raises ``NotAllowed``, and ``NotFound`` if none is stated."""
        require(by, UseCase.STATE_PLACE)
        with self._uow.begin() as tx:
            if self.read_within(tx) is None:
                raise NotFound("this node states no place", remedy="state one: hansa place set Gent")
            self._notes.put(tx, _KEY, "")
            self._note(tx, by, {"event": "place-withdrawn"})

    def _note(self, tx: Transaction, by: Caller, body: Mapping[str, Any]) -> None:
        self._append(tx, EntryKind.NODE, self._me, by.name, body)


def _place(name: str, longitude: float | None, latitude: float | None) -> NodePlace:
    clean = " ".join(name.split())
    if not clean or visible(clean) != clean or len(clean) > LONGEST_NAME:
        raise InvalidInput(
            f"the place needs a name of at most {LONGEST_NAME} characters",
            remedy="name the town or the region, such as Gent",
            facts={"case": "place-name"},
        )
    if (longitude is None) != (latitude is None):
        raise InvalidInput(
            "the place has only one of longitude and latitude",
            remedy="give both in degrees, such as 3.72 and 51.05, or none",
            facts={"case": "place-degrees"},
        )
    if longitude is None or latitude is None:
        return _known_place(clean)
    if not is_on_earth(longitude, latitude):
        raise InvalidInput(
            "longitude or latitude is not valid",
            remedy="write degrees: longitude from -180 to 180, latitude from -90 to 90",
            facts={"case": "place-degrees"},
        )
    return NodePlace(name=clean, longitude=round(longitude, _DECIMALS), latitude=round(latitude, _DECIMALS))


def _known_place(name: str) -> NodePlace:
    place = place_named(name)
    if place is None:
        near = ", ".join(places_like(name))
        degrees = "give longitude and latitude in degrees, such as 3.72 and 51.05"
        raise InvalidInput(
            f"the place {name} is not known here",
            remedy=f"use {near}, or {degrees}" if near else degrees,
            facts={"case": "place-unknown"},
        )
    longitude, latitude = place.centre
    return NodePlace(name=name, longitude=round(longitude, _DECIMALS), latitude=round(latitude, _DECIMALS))
