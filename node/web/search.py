"""The parameters of a search in a URL."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, Field

from node.base.errors import InvalidInput
from node.catalogue.browse import MAX_LIMIT, MAX_OFFSET
from node.catalogue.search.areas import area, area_searched
from node.catalogue.search.hits import CatalogueHits
from node.catalogue.search.periods import period
from node.catalogue.searches import Order
from node.catalogue.searches import Query as CatalogueQuery
from node.vocab.versions import LAST_VERSION

VersionNumber = Annotated[int | None, Query(ge=1, le=LAST_VERSION)]
"""The number of a version in an address; None if the address has none."""


class SearchParameters(BaseModel):
    """A search: words, facets, place and time, and the page of results."""

    kind: list[str] = []
    theme: list[str] = []
    keyword: list[str] = []
    publisher: list[str] = []
    access: list[str] = []
    format: list[str] = []
    license: list[str] = []
    node: list[str] = []
    spatial: list[str] = []
    year: list[str] = []
    quality: list[str] = []
    q: str = ""
    bbox: str | None = None
    place: str = ""
    begin: str | None = Field(None, alias="from")
    end: str | None = Field(None, alias="to")
    offset: int = Field(0, ge=0, le=MAX_OFFSET)
    limit: int = Field(20, ge=1, le=MAX_LIMIT)
    sort: Literal["best", "newest", "quality", "published"] = "best"
    cursor: str = ""
    widen: bool = True
    lang: str | None = None

    def query(self, language: str) -> CatalogueQuery:
        """Return the search. Raises ``InvalidInput`` for an invalid box or period."""
        return CatalogueQuery(
            text=self.q,
            kinds=tuple(self.kind),
            themes=tuple(self.theme),
            keywords=tuple(self.keyword),
            publishers=tuple(self.publisher),
            access=tuple(self.access),
            formats=tuple(self.format),
            licences=tuple(self.license),
            nodes=tuple(self.node),
            spatials=tuple(self.spatial),
            years=tuple(self.year),
            qualities=tuple(self.quality),
            language=language,
            bbox=area_searched(self.place, area(self.bbox or "")),
            period=period(self.begin, self.end),
            offset=self.offset,
            limit=self.limit,
            order=Order(self.sort),
            cursor=self.cursor,
            widens=self.widen,
        )


_NAMES = tuple(field.alias or name for name, field in SearchParameters.model_fields.items())


def check_names(names: Iterable[str]) -> None:
    """Raise ``InvalidInput`` for a parameter that a search does not have: ignoring it would give wrong results."""
    for name in names:
        if name not in _NAMES:
            near = get_close_matches(name, _NAMES, n=1)
            raise InvalidInput(
                f"a search has no parameter {name[:60]!r}",
                remedy=f"write {near[0]!r}" if near else f"use {', '.join(_NAMES)}",
            )


def following_page(parameters: Iterable[tuple[str, str]], page: CatalogueHits) -> str | None:
    """Return the query of the page after ``page``, which ``parameters`` asked for; None after the last one."""
    others = [pair for pair in parameters if pair[0] not in ("offset", "cursor")]
    if page.cursor:
        return urlencode([*others, ("cursor", page.cursor)])
    return None
