"""The places of members, for a map of them: the one that a member states itself, else one of the gazetteer in its
name, or the middle of its public datasets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Protocol

from node.base.errors import HansaError
from node.catalogue.browse import Browse
from node.catalogue.region.place import NodePlace
from node.catalogue.searches import Query
from node.identity.model import ANONYMOUS
from node.semantics.codelists.places import place_in

_DATASETS: Final = 20
_WIDEST: Final = 4.0
"""Degrees: a larger area is that of a country, and says nothing of the member's place."""
_MOST_SEARCHES: Final = 16
"""Searches of one page: further members get their place when the page is opened again."""
_REMEMBERED: Final = 1_000


class NamedMember(Protocol):
    """A member with its DID, its name, the number of its assets, and the place that it states."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def assets(self) -> int | None: ...

    @property
    def place(self) -> NodePlace | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPlace:
    """The place of the member ``id`` in degrees. ``name``: of the place that it states (``is_stated``) or that is in
    its name; empty if its datasets say it."""

    id: str
    longitude: float
    latitude: float
    name: str = ""
    is_stated: bool = False


class MemberPlaces:
    """The places of members. What everybody may see is the source, so the answer is the same for all readers."""

    def __init__(self, browse: Browse) -> None:
        self._browse = browse
        self._known: OrderedDict[tuple[str, int | None], tuple[float, float] | None] = OrderedDict()

    async def places(self, members: Sequence[NamedMember]) -> Sequence[MemberPlace]:
        """Return the places that are known, in the order of the members."""
        places = []
        searches = 0
        for member in members:
            if own_place := member.place:
                places.append(
                    MemberPlace(
                        id=member.id,
                        longitude=own_place.longitude,
                        latitude=own_place.latitude,
                        name=own_place.name,
                        is_stated=True,
                    )
                )
                continue
            if place := place_in(member.name):
                longitude, latitude = place.centre
                places.append(MemberPlace(id=member.id, longitude=longitude, latitude=latitude, name=place.name))
                continue
            key = (member.id, member.assets)
            if key not in self._known and member.assets and searches < _MOST_SEARCHES:
                searches += 1
                self._known[key] = await self._middle(member.id)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            if middle := self._known.get(key):
                places.append(MemberPlace(id=member.id, longitude=middle[0], latitude=middle[1]))
        return places

    async def _middle(self, did: str) -> tuple[float, float] | None:
        """Return the middle of the areas of a member's public datasets; None if they state none."""
        query = Query(kinds=("dataset",), nodes=(did,), limit=_DATASETS)
        try:
            matches = await self._browse.search(query, ANONYMOUS)
        except HansaError:
            return None
        middles = [middle for hit in matches.hits if (middle := _middle_of(hit.record.extra.get("bbox")))]
        if not middles:
            return None
        return median(x for x, _ in middles), median(y for _, y in middles)


def _middle_of(edges: object) -> tuple[float, float] | None:
    """Return the middle of an area; None for one of a country, and for what another node wrote that is no area."""
    if not isinstance(edges, list | tuple) or len(edges) != 4:
        return None
    try:
        west, south, east, north = (float(edge) for edge in edges)
    except (TypeError, ValueError, OverflowError):
        return None
    is_area = -180 <= west <= east <= 180 and -90 <= south <= north <= 90
    if not is_area or east - west >= _WIDEST or north - south >= _WIDEST:
        return None
    return (west + east) / 2, (south + north) / 2
