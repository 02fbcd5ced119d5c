"""From the path of a file with places to the features that meet a question (OGC API - Features, CQL2).

All reading happens in the cage (``node.adapters.profiles.filters.features``).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from node.base.errors import InvalidInput
from node.cage.model import AsyncCage, remedy_against_limits
from node.semantics.profiles.cage_client import OWN_GROUP
from node.semantics.profiles.table_queries_client import LIMITS, MOST_BYTES, TablePart, view_of

TARGET: Final = "features.query"
COLLECTION: Final = "data"
"""The name of the collection, as of the table in SQL."""
GEOJSON: Final = "application/geo+json"
USUAL: Final = 100
"""The features of a page if the question does not say how many."""
MOST: Final = 10_000
"""The features of one page."""
LONGEST: Final = 4000
"""Characters of the longest filter."""
LANGUAGES: Final = ("cql2-text", "cql2-json", "cql-text")
"""The languages of filters. The last is the name of the first in drafts of the standard, which GDAL sends."""
DEGREES: Final = "EPSG:4326"
_FURTHEST: Final = 1 << 40
_SORTED: Final = 8
_REMEDY: Final = "ask for less: a smaller limit, a box, or a filter"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureQuestion:
    """A question to the features of one file: those of a page, or the one with the number ``feature``.

    ``box`` is west, south, east, north in degrees (west beyond east: across the date line); ``period`` a moment or
    ``begin/end``; ``equal`` are pairs of a column and a value as text; ``columns`` those that are wanted (None: all);
    ``sort`` columns, with ``-`` before one that descends.
    """

    filter: str = ""
    language: str = "cql2-text"
    box: Box | None = None
    period: str = ""
    equal: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] | None = None
    sort: tuple[str, ...] = ()
    limit: int = USUAL
    offset: int = 0
    feature: int | None = None

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise InvalidInput(
                f"there is no language {self.language[:20]!r} of filters", remedy=f"use {' or '.join(LANGUAGES)}"
            )
        if len(self.filter) > LONGEST:
            raise InvalidInput(f"the filter has more than {LONGEST} characters", remedy="ask a shorter one")
        if self.limit < 1 or not 0 <= self.offset <= _FURTHEST:
            raise InvalidInput("limit is 1 or more, and offset 0 or more", remedy="such as: limit=100&offset=200")
        if len(self.sort) > _SORTED:
            raise InvalidInput(f"features are sorted by at most {_SORTED} columns", remedy="name fewer in sortby")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the question as parameters of OGC API - Features, without those of paging."""
        return list(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        if self.filter:
            yield "filter", self.filter
            yield "filter-lang", self.language
        if self.box is not None:
            yield "bbox", ",".join(repr(edge) for edge in self.box)
        if self.period:
            yield "datetime", self.period
        yield from self.equal
        if self.columns is not None:
            yield "properties", ",".join(self.columns)
        if self.sort:
            yield "sortby", ",".join(self.sort)

    @property
    def path(self) -> str:
        """Return the address of the answer, from the address of the API on."""
        items = f"collections/{COLLECTION}/items"
        if self.feature is not None:
            return f"{items}/{self.feature}"
        return f"{items}?{urlencode([*self.pairs, ('limit', self.limit), ('offset', self.offset)])}"

    @property
    def text(self) -> str:
        """Return the question for the record."""
        return self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureAnswer:
    """Features as GeoJSON, one beside the other with commas between; how many these are (``count``) and how many the
    question is about (``total``); ``more``: there are more than these from here on. ``columns`` are pairs of a name
    and a type in SQL, ``time`` is the column of ``datetime`` (empty: none)."""

    body: bytes = field(repr=False)
    columns: tuple[tuple[str, str], ...]
    count: int
    total: int
    geometry: str = ""
    time: str = ""
    more: bool = False
    partial: bool = False


class FeatureQuestions:
    """Questions to the features of this node. ``place`` returns the path of a SHA-256, or raises ``NotFound``."""

    def __init__(self, cage: AsyncCage, place: Callable[[str], Path]) -> None:
        self._cage = cage
        self._place = place

    async def __call__(
        self, sha256: str, name: str, question: FeatureQuestion | None, part: TablePart
    ) -> FeatureAnswer:
        """Return the features of a part of the stored file ``name``; for no question, only their columns. Raises
        ``InvalidInput`` for a question that cannot be answered, with the fact ``ran`` if the features were read,
        ``NotFound`` for a feature that is not there, and ``Overloaded``."""
        path = str((await asyncio.to_thread(self._place, sha256)).resolve())
        view = {**view_of(path, name, part), "crs": DEGREES}
        shared_by = f"features {hashlib.sha256(json.dumps(view).encode()).hexdigest()}"
        with remedy_against_limits(_REMEDY):
            facts, blobs = await self._cage.call(
                TARGET,
                {**view, "question": None if question is None else _to_json(question), "most_bytes": MOST_BYTES},
                limits=LIMITS,
                readable=[path, OWN_GROUP],
                patience=LIMITS.wall,
                shared_by=shared_by,
            )
        return FeatureAnswer(
            body=blobs[0],
            columns=tuple((name, kind) for name, kind in facts["columns"]),
            count=facts["count"],
            total=facts["total"],
            geometry=facts["geometry"],
            time=facts["time"],
            more=facts["more"],
            partial=facts["partial"],
        )


def _to_json(question: FeatureQuestion) -> dict[str, Any]:
    return {
        "filter": question.filter,
        "language": question.language,
        "box": None if question.box is None else list(question.box),
        "period": question.period,
        "equal": [list(pair) for pair in question.equal],
        "columns": None if question.columns is None else list(question.columns),
        "sort": list(question.sort),
        "limit": min(question.limit, MOST),
        "offset": question.offset,
        "feature": question.feature,
    }
