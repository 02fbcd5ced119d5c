"""The fields that a data file determines: the same facts as in the draft of ``description``, as values for a form."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

from node.semantics.codelists.lookup import fold
from node.semantics.codelists.themes import THEMES
from node.semantics.profiles.model import ColumnProfile, Profile
from node.semantics.profiles.suspicion import HOUSEHOLD

MOST_VALUES: Final = 1_000
"""Values that one description lists in all: a description of some hundred columns would take long to check."""

_SHORTEST: Final = 4
"""Letters of a word that suggests a theme."""


def title_of(name: str) -> str:
    """Return a title for the file ``name``: ``bicycle-counters.csv`` is *Bicycle counters*."""
    stem = PurePath(name).stem
    return stem.replace("-", " ").replace("_", " ").strip().capitalize() or stem


def theme_of(profile: Profile | None, name: str) -> str:
    """Return the code of the EU data theme that the names of the file and its columns suggest; empty if none or
    several do."""
    columns = [column.name for table in profile.tables for column in table.columns] if profile else []
    for texts in ([PurePath(name).stem], columns):
        words = {word for text in texts for word in fold(text).split() if len(word) >= _SHORTEST}
        words |= {f"{word}s" for word in words}
        themes = [
            code.code for code in THEMES if words & {hint for text in code.hints for hint in fold(text).split()}
        ]
        if themes:
            return themes[0] if len(themes) == 1 else ""
    return ""


def place_of(profile: Profile | None) -> str:
    """Return west, south, east and north of the data as text; empty if they are unknown or no area."""
    if profile is None or profile.bbox is None:
        return ""
    west, south, east, north = profile.bbox
    return ", ".join(f"{edge:.7g}" for edge in profile.bbox) if west < east and south < north else ""


def tables_of(profile: Profile | None, name: str) -> list[dict[str, Any]]:
    """Return the tables of the file with their columns, for the field ``tables`` of a file."""
    room = MOST_VALUES
    tables = []
    for table in profile.tables if profile else ():
        columns = []
        for column in table.columns:
            values = column.values if len(column.values) <= room else ()
            room -= len(values)
            columns.append(_column(column, values))
        tables.append({"name": table.name or PurePath(name).stem, "rows": table.rows, "columns": columns})
    return tables


def _column(column: ColumnProfile, values: tuple[str, ...]) -> dict[str, Any]:
    members: dict[str, Any] = {"name": column.name, "type": column.type}
    if column.unit:
        members["unit"] = column.unit
    if column.personal:
        members["personal"] = column.personal
    if column.minimum and (not column.personal or column.personal == HOUSEHOLD):
        members |= {"minimum": _bound(column, column.minimum), "maximum": _bound(column, column.maximum)}
    if column.empty:
        members["empty"] = column.empty_percent
    if column.distinct:
        members["distinct"] = column.distinct
    if values:
        members["values"] = list(values)
    return members


def _bound(column: ColumnProfile, bound: str) -> int | float | str:
    if column.type == "integer":
        return int(bound)
    return float(bound) if column.type == "number" else bound
