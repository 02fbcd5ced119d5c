"""The catalogue of the region, searched as this node: what the region shows it, and nothing of it is kept here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
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
    """A page of results: ``total`` is the number of all."""

    total: int
    hits: tuple[RegionHit, ...]


class SearchRegion:
    """Searches the region's catalogue for people of this node."""

    def __init__(self, forward: Forward, region: Callable[[], str | None]) -> None:
        """``region`` returns the DID of the region that this node has joined."""
        self._forward = forward
        self.region = region

    async def __call__(
        self, text: str, by: Caller, *, kind: str = "", language: str, offset: int, limit: int
    ) -> RegionHits:
        """Return the best hits for the words in ``text``.

        Raises ``NotAllowed`` for everybody but people of this node, ``InvalidInput`` if it has no region, and
        ``PeerUnreachable`` if the region does not answer, or not with results.
        """
        if not by.is_person:
            raise NotAllowed("only people of this node search its region", remedy="sign in")
        query = {"q": text, "lang": language, "offset": offset, "limit": limit, **({"kind": kind} if kind else {})}
        status, _, content = await self._forward("GET", f"/api/catalogue/search?{urlencode(query)}", b"", {})
        if status != 200:
            raise PeerUnreachable(f"the region answers with status {status}", remedy="try again later")
        try:
            answer = read_object(content)
            hits = tuple(_hit(members) for members in answer["hits"][:limit])
            return RegionHits(total=max(int(answer["total"]), 0), hits=hits)
        except (InvalidInput, ValueError, TypeError, KeyError, AttributeError) as error:
            raise PeerUnreachable(
                "the region does not answer with results of a search", remedy="ask the operator of the region"
            ) from error


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
