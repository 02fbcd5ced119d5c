"""The profile of a data file: its tables and columns, its place and its time, as plain values.

Profiles are made in the cage (``node.adapters.profiles``) and cross its border as JSON. All values are texts, because
a draft shows them to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from node.semantics.model import BBox

MAX_COLUMNS: Final = 500
"""Columns of one table that are profiled; a draft states how many are left out."""

MAX_TABLES: Final = 40

ALL_VALUES: Final = 100
"""Up to so many different texts are all listed, so that a search finds the file by them; of more, a few examples."""

EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """A column. ``type`` is a code of ``node.semantics.codelists.datatypes``; ``unit`` a UCUM code.

    ``empty`` and ``rows`` count cells; ``distinct`` is 0 if it is not known, and rounded if it ``is_estimate``.
    ``values`` holds all values if they are few (``complete``), else examples. ``personal`` is the kind of personal
    data that the column may hold (a code of ``personal``), else empty. ``meaning`` is a sentence that the file itself
    says about the column.
    """

    name: str
    type: str
    rows: int = 0
    empty: int = 0
    distinct: int = 0
    is_estimate: bool = False
    minimum: str = ""
    maximum: str = ""
    unit: str = ""
    values: tuple[str, ...] = ()
    complete: bool = False
    personal: str = ""
    meaning: str = ""

    @property
    def empty_percent(self) -> float:
        """Return the share of empty cells, in percent with one decimal; a few of many are never rounded to none."""
        if not self.empty or not self.rows:
            return 0.0
        return max(0.1, round(100 * self.empty / self.rows, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProfile:
    """A table. ``rows`` counts all rows; if only the first ``read`` of them were profiled, that is not None.

    ``omitted`` counts columns beyond the limit. ``name`` is empty for the only table of a file.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    name: str = ""
    read: int | None = None
    omitted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The facts in a file about itself. ``format`` is a word for people: ``CSV``, ``GeoPackage``.

    ``bbox``: west, south, east, north in degrees. ``crs``: ``EPSG:31370``, if it is known. ``begins``, ``ends``: the
    first and last moment in its columns; ``step``: the usual distance between two moments (ISO 8601). ``notes`` are
    sentences about what a person should know or correct. ``title`` and ``description`` are those that the file has.
    """

    format: str
    tables: tuple[TableProfile, ...] = ()
    bbox: BBox | None = None
    crs: str = ""
    geometry: str = ""
    begins: str = ""
    ends: str = ""
    step: str = ""
    notes: tuple[str, ...] = ()
    title: str = ""
    description: str = ""

    @property
    def suspects(self) -> tuple[tuple[TableProfile, ColumnProfile], ...]:
        """Return the columns that may hold personal data."""
        return tuple((table, column) for table in self.tables for column in table.columns if column.personal)

    def words(self) -> str:
        """Return the size of the content on one line, in English: ``1273 rows, 8 columns``; empty without tables."""
        if not self.tables:
            return ""
        rows = sum(table.rows for table in self.tables)
        columns = sum(len(table.columns) + table.omitted for table in self.tables)
        tables = f"{len(self.tables)} tables, " if len(self.tables) > 1 else ""
        return f"{tables}{rows} row{'' if rows == 1 else 's'}, {columns} column{'' if columns == 1 else 's'}"

    def to_json(self) -> dict[str, Any]:
        """Return the profile for ``from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Profile:
        """Return the profile that ``to_json`` wrote. Raises ``KeyError`` and ``TypeError`` for anything else."""
        tables = tuple(
            TableProfile(**{**table, "columns": tuple(_column(column) for column in table["columns"])})
            for table in members["tables"]
        )
        box = members["bbox"]
        west_south_east_north = None if box is None else (box[0], box[1], box[2], box[3])
        return cls(**{**members, "tables": tables, "bbox": west_south_east_north, "notes": tuple(members["notes"])})


def _column(members: Mapping[str, Any]) -> ColumnProfile:
    return ColumnProfile(**{**members, "values": tuple(members["values"])})


def without_values(column: ColumnProfile) -> ColumnProfile:
    """Return ``column`` without its values and bounds: those of personal data do not belong in a draft."""
    return replace(column, values=(), complete=False, minimum="", maximum="")
