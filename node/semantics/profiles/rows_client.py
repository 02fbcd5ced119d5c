"""From the path of a table to some of its rows. All reading happens in the cage (``node.adapters.profiles.rows``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.cage.model import AsyncCage, Limits, remedy_against_limits
from node.semantics.profiles.cage_client import OWN_GROUP

TARGET: Final = "tables.read"
LIMITS: Final = Limits(memory=1536 << 20, cpu=20, wall=20.0, answer=32 << 20)
"""The limits of one reading."""

MOST: Final = 50_000
"""The most rows of one reading."""
PERIODS: Final = ("year", "month", "day", "hour")
"""Periods by which moments are put together."""
FIGURES: Final = ("sum", "mean", "min", "max")
"""Figures of a column of numbers in each group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuery:
    """A question to a table: which rows (``filters``: column → text), in which order, and what to say of groups.

    ``count`` is the column whose values make the groups; ``per`` a period of ``PERIODS`` by which its dates are put
    together, or empty. ``how`` is one of ``FIGURES``, of the column ``of``; without it, rows are counted.
    """

    filters: tuple[tuple[str, str], ...] = ()
    sort: str = ""
    descending: bool = False
    offset: int = 0
    limit: int = 50
    count: str = ""
    per: str = ""
    how: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column of a table."""

    name: str
    numeric: bool
    temporal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """Rows of a table as texts; ``total`` is how many rows match; ``groups`` are the values of the grouped column
    with their figures: moments in their order, others by the figure. A figure is None if the group has no number.
    ``more``: there are further groups. ``partial``: some lines do not fit the table and are left out."""

    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    groups: tuple[tuple[str, float | None], ...] = ()
    more: bool = False
    partial: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "columns": [
                {"name": column.name, "numeric": column.numeric, "temporal": column.temporal}
                for column in self.columns
            ],
            "rows": [list(row) for row in self.rows],
            "total": self.total,
            "groups": [{"value": value, "figure": figure} for value, figure in self.groups],
            "moreGroups": self.more,
            "partial": self.partial,
        }


class StoredTables:
    """The tables of this node. ``place`` returns the path of a SHA-256, or raises ``NotFound``."""

    def __init__(self, cage: AsyncCage, place: Callable[[str], Path]) -> None:
        self._cage = cage
        self._place = place

    async def __call__(self, sha256: str, name: str, query: RowQuery) -> TableRows:
        """Return rows of the stored file ``name``. Raises the errors of ``read``, and ``NotFound``."""
        return await self.read(await asyncio.to_thread(self._place, sha256), name, query)

    async def read(self, file: Path, name: str, query: RowQuery) -> TableRows:
        """Return rows of ``file``, which people call ``name``. Raises ``InvalidInput`` for a file that is no table
        and for a column that it does not have, ``Overloaded`` for a table that is too large."""
        path = str(await asyncio.to_thread(file.resolve))
        order = {
            "path": path,
            "name": name,
            "filters": [list(pair) for pair in query.filters],
            "sort": query.sort,
            "descending": query.descending,
            "offset": query.offset,
            "limit": min(query.limit, MOST),
            "count": query.count,
            "per": query.per,
            "how": query.how,
            "of": query.of,
        }
        with remedy_against_limits("filter the table, or download the file"):
            answer, _ = await self._cage.call(TARGET, order, limits=LIMITS, readable=[path, OWN_GROUP])
        return TableRows(
            columns=tuple(
                TableColumn(name=name, numeric=numeric, temporal=temporal)
                for name, numeric, temporal in answer["columns"]
            ),
            rows=tuple(tuple(row) for row in answer["rows"]),
            total=answer["total"],
            groups=tuple((value, figure) for value, figure in answer["groups"]),
            more=answer["more"],
            partial=answer["partial"],
        )
