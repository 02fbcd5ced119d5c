"""The catalogue of the region, searched as this node: what the region shows it, and nothing of it is kept here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from node.base.clock import moment
from node.base.errors import InvalidInput, NotAllowed, PeerUnreachable
from node.base.jsons import read_object
from node.identity.model import Caller

Forward = Callable[[str, str, bytes, Mapping[str, str]], Awaitable[tuple[int, str, bytes]]]
"""(method, path with query, body, headers) → (status, media type, body) of the region's answer, asked as this node.
Raises ``InvalidInput`` without a region, ``PeerUnreachable``."""

_LONGEST: Final = 2000
"""Characters of a text of the region; a title or an address has no more."""

_MOST_FACETS: Final = 20
_MOST_VALUES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionHit:
    """An asset as the region shows it to this node. ``access`` is ``open``, ``members``, ``request``, ``none`` or
    ``refused``; ``conditions`` is a sentence in the language that was asked for, like the title and the
    description."""

    iri: str
    kind: str
    title: str
    description: str
    publisher_name: str
    origin: str
    access: str
    conditions: str
    version: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionHits:
    """A page of results: ``total`` is the number of all, ``facets`` maps a facet to value → number."""

    total: int
    hits: tuple[RegionHit, ...]
    facets: dict[str, dict[str, int]]


class SearchRegion:
    """Searches the region's catalogue for people of this node."""

    def __init__(self, forward: Forward, region: Callable[[], str | None]) -> None:
        """``region`` returns the DID of the region that this node has joined."""
        self._forward = forward
        self.region = region

    async def __call__(
        self, search: Iterable[tuple[str, str]], by: Caller, *, language: str, offset: int, limit: int
    ) -> RegionHits:
        """Return the hits of a search; its pairs are the words, facets, place and period of an address.

        Raises ``NotAllowed`` for everybody but people of this node, ``InvalidInput`` if it has no region, and
        ``PeerUnreachable`` if the region does not answer, or not with results.
        """
        if not by.is_person:
            raise NotAllowed("only people of this node search its region", remedy="sign in")
        query = [*search, ("lang", language), ("offset", str(offset)), ("limit", str(limit))]
        status, _, content = await self._forward("GET", f"/api/catalogue/search?{urlencode(query)}", b"", {})
        if status != 200:
            raise PeerUnreachable(f"the region answers with status {status}", remedy="try again later")
        try:
            answer = read_object(content)
            hits = tuple(_hit(members) for members in answer["hits"][:limit])
            return RegionHits(total=max(int(answer["total"]), 0), hits=hits, facets=_facets(answer.get("facets")))
        except (InvalidInput, ValueError, TypeError, KeyError, AttributeError) as error:
            raise PeerUnreachable(
                "the region does not answer with results of a search", remedy="ask the operator of the region"
            ) from error


def _facets(members: Any) -> dict[str, dict[str, int]]:
    """Return the facets of an answer, as far as they are some: a region of an earlier version has fewer."""
    if not isinstance(members, dict):
        return {}
    facets: dict[str, dict[str, int]] = {}
    for name, values in list(members.items())[:_MOST_FACETS]:
        if isinstance(values, dict):
            counts = [(value[:_LONGEST], count) for value, count in values.items() if isinstance(count, int)]
            facets[name[:_LONGEST]] = dict(counts[:_MOST_VALUES])
    return facets


def _hit(members: Mapping[str, Any]) -> RegionHit:
    def text(name: str) -> str:
        value = members.get(name)
        return value[:_LONGEST] if isinstance(value, str) else ""

    version = members.get("version")
    return RegionHit(
        iri=str(members["iri"])[:_LONGEST],
        kind=text("kind"),
        title=text("title"),
        description=text("description"),
        publisher_name=text("publisherName"),
        origin=text("origin"),
        access=text("access"),
        conditions=text("conditions"),
        version=version if isinstance(version, int) else 1,
        at=moment(text("at")) if text("at") else None,
    )
