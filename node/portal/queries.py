"""A search as its URL states it: read into a ``Query``, and written back with one facet more or less."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from node.catalogue.browse import MAX_OFFSET
from node.catalogue.search.areas import area, area_searched
from node.catalogue.search.periods import period
from node.catalogue.searches import Order, Query

FACETS: Final = (
    "kind",
    "access",
    "theme",
    "format",
    "license",
    "spatial",
    "year",
    "quality",
    "publisher",
    "node",
    "keyword",
)
"""The facets in the order in which pages show them; the names are those of the query parameters."""

_SORTS: Final = (Order.NEWEST, Order.QUALITY, Order.PUBLISHED)
"""The orders that an address names; the best come first without one."""

MAX_TEXT: Final = 300
MAX_VALUES: Final = 20

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The search of a results page. ``choices`` maps a facet to its chosen values.

    ``place`` is the name of a place, whose area is then searched instead of ``bbox``. ``since`` and ``until`` are
    days, months or years as the reader wrote them; the form shows them unchanged.
    With ``widens``, other labels of vocabularies are searched for too.
    ``sort`` is the order that was asked for; empty for the usual one. In the order of publication, ``cursor`` takes
    the place of the page's number.
    """

    text: str = ""
    choices: Mapping[str, tuple[str, ...]]
    bbox: tuple[float, float, float, float] | None = None
    place: str = ""
    since: str = ""
    until: str = ""
    sort: str = ""
    cursor: str = ""
    page: int = 1
    widens: bool = True

    @classmethod
    def read(cls, parameters: Iterable[tuple[str, str]]) -> Search:
        """Read the query of a URL. Raises ``InvalidInput`` for an invalid area, place or period.

        Unknown parameters are ignored: mail programs and counters add theirs to links.
        """
        text, bbox, place, since, until, order, cursor, page = "", None, "", "", "", "", "", 1
        values: dict[str, list[str]] = {name: [] for name in FACETS}
        widens = True
        for name, raw in parameters:
            value = _CONTROLS.sub(" ", raw).strip()
            if name == "q":
                text = value[:MAX_TEXT]
            elif name in values and value and value not in values[name] and len(values[name]) < MAX_VALUES:
                values[name].append(value[:500])
            elif name == "bbox":
                bbox = area(value)
            elif name == "place":
                place = value[:100]
            elif name == "from":
                since = value[:10]
            elif name == "to":
                until = value[:10]
            elif name == "sort":
                order = value
            elif name == "widen":
                widens = value != "false"
            elif name == "cursor":
                cursor = value[:MAX_TEXT]
            elif name == "page" and value.isdecimal() and len(value) < 7:
                page = max(int(value), 1)
        values_by_name = {name: tuple(found) for name, found in values.items()}
        period(since, until)
        area_searched(place, bbox)
        return cls(
            text=text,
            choices=values_by_name,
            bbox=bbox,
            place=place,
            since=since,
            until=until,
            sort=order if order in _SORTS else "",
            cursor=cursor if order == Order.PUBLISHED else "",
            page=1 if order == Order.PUBLISHED else page,
            widens=widens,
        )

    def query(self, language: str, size: int) -> Query:
        """Return the query for the catalogue: page ``page`` of ``size`` hits."""
        return Query(
            text=self.text,
            kinds=self.choices["kind"],
            themes=self.choices["theme"],
            keywords=self.choices["keyword"],
            publishers=self.choices["publisher"],
            access=self.choices["access"],
            formats=self.choices["format"],
            licences=self.choices["license"],
            nodes=self.choices["node"],
            spatials=self.choices["spatial"],
            years=self.choices["year"],
            qualities=self.choices["quality"],
            language=language,
            bbox=area_searched(self.place, self.bbox),
            period=period(self.since, self.until),
            offset=min((self.page - 1) * size, MAX_OFFSET),
            limit=size,
            order=Order(self.order),
            cursor=self.cursor,
            widens=self.widens,
        )

    # links ------------------------------------------------------------------------------------------------
    def pairs(self) -> list[tuple[str, str]]:
        """Return the parameters of this search, in a fixed order, so that equal searches have equal URLs."""
        pairs = [("q", self.text)] if self.text else []
        for name in FACETS:
            pairs += [(name, value) for value in self.choices[name]]
        if self.bbox:
            pairs.append(("bbox", ",".join(f"{edge:g}" for edge in self.bbox)))
        if self.place:
            pairs.append(("place", self.place))
        pairs += [(name, day) for name, day in (("from", self.since), ("to", self.until)) if day]
        if not self.widens:
            pairs.append(("widen", "false"))
        if self.sort:
            pairs.append(("sort", self.sort))
        if self.cursor:
            pairs.append(("cursor", self.cursor))
        if self.page > 1:
            pairs.append(("page", str(self.page)))
        return pairs

    def query_string(self) -> str:
        """Return the query string of this search; empty for the search for everything."""
        pairs = self.pairs()
        return f"?{urlencode(pairs)}" if pairs else ""

    def toggle(self, facet: str, value: str) -> Search:
        """Return the search with this facet value added, or removed if it was chosen; back on the first page."""
        values = self.choices[facet]
        after = tuple(v for v in values if v != value) if value in values else (*values, value)
        return self._begin(choices={**self.choices, facet: after})

    def has(self, facet: str, value: str) -> bool:
        return value in self.choices[facet]

    def with_text(self, text: str) -> Search:
        return self._begin(text=text)

    def with_widening(self, widens: bool) -> Search:
        """Return the search that looks for other labels too, or for its own words only."""
        return self._begin(widens=widens)

    def without_text(self) -> Search:
        return self._begin(text="")

    def without_bbox(self) -> Search:
        return self._begin(bbox=None, place="")

    def without_period(self) -> Search:
        return self._begin(since="", until="")

    def without_facets(self) -> Search:
        return self._begin(choices=dict.fromkeys(FACETS, ()), bbox=None, place="", since="", until="")

    def sorted_by(self, order: str) -> Search:
        """Return the search in this order."""
        return self._begin(sort=order if order in _SORTS else "")

    def on_page(self, page: int) -> Search:
        return replace(self, page=page, cursor="")

    def after(self, cursor: str) -> Search:
        """Return the page that begins at ``cursor``, in the order of publication."""
        return replace(self, cursor=cursor, page=1)

    def _begin(self, **changes: Any) -> Search:
        return replace(self, **changes, page=1, cursor="")

    @property
    def order(self) -> str:
        """Return the order of the results: by date where there are no words to compare."""
        return self.sort or (Order.BEST if self.text else Order.NEWEST)

    @property
    def is_by_publication(self) -> bool:
        return self.sort == Order.PUBLISHED

    @property
    def is_narrowed(self) -> bool:
        """Return whether any facet, box or period is chosen."""
        return self.bbox is not None or bool(self.place or self.since or self.until) or any(self.choices.values())


def page_numbers(page: int, pages: int) -> Sequence[int | None]:
    """Return the page numbers to link: the ends, this one and its neighbours; None stands for a gap."""
    wanted = sorted({1, 2, page - 1, page, page + 1, pages - 1, pages} & set(range(1, pages + 1)))
    numbers: list[int | None] = []
    for number in wanted:
        before = numbers[-1] if numbers else None
        if before is not None and number - before == 2:
            numbers.append(number - 1)
        elif before is not None and number - before > 2:
            numbers.append(None)
        numbers.append(number)
    return numbers
