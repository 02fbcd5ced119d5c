"""The function for rows of tables that runs in the cage: a page of a table, filtered, sorted and grouped.

Nothing that a reader writes becomes a part of the query: names of columns are looked up among those of the table, and
quoted; values are parameters.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from node.adapters.profiles.relations import (
    Source,
    csv_options,
    engine_errors,
    look_at,
    open_engine,
    quote_name,
    sql_text,
)
from node.base.errors import InvalidInput
from node.semantics import sheets

LONGEST_CELL: Final = 2000
_NUMBERS: Final = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
_PERIODS: Final = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%d %H"}
_FIGURES: Final = {"sum": "sum", "mean": "avg", "min": "min", "max": "max"}
_MOST_GROUPS: Final = 50
_MOST_MOMENTS: Final = 400
_COMPARED: Final = {">": ">", "<": "<"}
_HEAD: Final = 4096
_PIECE: Final = 1 << 20
_ONLY_WINDOWS: Final = bytes(range(0x80, 0xA0))
_ATTEMPTS: Final = ("", ", sample_size = -1", ", sample_size = -1, ignore_errors = true, strict_mode = false")


def read(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``tables.read``: rows of the table at ``path``, which was called ``name``.

    ``filters`` are pairs of a column and a text (see ``_condition``); ``sort`` is a column or empty, ``descending``
    its direction; ``offset`` and ``limit`` say which rows; ``count`` is a column whose values make groups, or empty,
    and ``per``, ``how`` and ``of`` say which (``RowQuery``).
    Raises ``InvalidInput`` for a file that is no table, and for a column that it does not have.
    """
    path, name = Path(message["path"]), str(message["name"])
    error: Exception | None = None
    for number, source in enumerate(sources_of(path, name)):
        try:
            with open_engine(path) as engine:
                # The rows of a page are the same each time.
                answer = _answer(engine, source, message)
        except engine_errors() as refused:
            error = refused
            continue
        return {**answer, "partial": number == len(_ATTEMPTS) - 1}, []
    raise InvalidInput(
        "the table cannot be read", remedy="download the file, and open it in another program"
    ) from error


def sources_of(path: Path, name: str) -> list[Source]:
    """Return the ways to read the table at ``path``, which was called ``name``.

    Each is slower than the one before, and forgives more; of a table of text, the last one leaves out lines. Raises
    ``InvalidInput`` if it is no table.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    size = path.stat().st_size
    kind = sheets.what_it_is(head)
    if kind == "parquet":
        return [Source("read_parquet(?)", (str(path),), size)]
    if kind:
        raise InvalidInput("the file is not a table of text or Parquet", remedy="download it instead")
    look = look_at(path, "\t" if name.lower().endswith((".tsv", ".tab")) else "")
    if look.encoding == "windows-1252":
        if not is_latin_1(path):
            raise InvalidInput(
                "the table has characters of the encoding windows-1252, such as curly quotation marks",
                remedy="download it; in UTF-8 it can be shown here",
            )
        look = replace(look, encoding="latin-1")
    options, values = csv_options(path, look)
    return [Source(f"read_csv(?, {options}{attempt})", values, size) for attempt in _ATTEMPTS]


def is_latin_1(path: Path) -> bool:
    """Return whether a text in windows-1252 is in ISO 8859-1 too, which the engine reads: it has none of the 27
    characters, such as the euro, that only the former has."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if len(piece.translate(None, _ONLY_WINDOWS)) != len(piece):
                return False
    return True


def _answer(engine: Any, source: Source, message: dict[str, Any]) -> dict[str, Any]:
    types = {str(row[0]): str(row[1]) for row in source.select(engine, "*", before="DESCRIBE ").fetchall()}
    conditions, values = [], []
    for column, text in message["filters"]:
        condition, given = _condition(_column_name(column, types), types[column], str(text))
        conditions.append(condition)
        values.append(given)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    matching = Source(source.relation, (*source.values, *values), source.size)
    total = int((matching.select(engine, "count(*)", after=where).fetchone() or (0,))[0])
    order = ""
    if message["sort"]:
        direction = "DESC" if message["descending"] else "ASC"
        order = f" ORDER BY {_column_name(message['sort'], types)} {direction} NULLS LAST"
    cells = ", ".join(f"left(CAST({quote_name(column)} AS VARCHAR), {LONGEST_CELL})" for column in types)
    page = f"{where}{order} LIMIT {int(message['limit'])} OFFSET {int(message['offset'])}"
    rows = matching.select(engine, cells, after=page).fetchall()
    return {
        "columns": [[column, _is_number(kind), _is_moment(kind)] for column, kind in types.items()],
        "rows": [["" if cell is None else cell for cell in row] for row in rows],
        "total": total,
        **_groups(engine, matching, where, message, types),
    }


def _groups(
    engine: Any, source: Source, where: str, message: dict[str, Any], types: dict[str, str]
) -> dict[str, Any]:
    """Return the groups with their figures, and whether there are more."""
    column, per, how = str(message["count"]), str(message["per"]), str(message["how"])
    if not column:
        return {"groups": [], "more": False}
    name, ordered = _column_name(column, types), False
    cell = f"left(CAST({name} AS VARCHAR), {LONGEST_CELL})"
    if _is_moment(types[column]):
        ordered = True
        if per in _PERIODS:
            cell = f"strftime({name}, {sql_text(_PERIODS[per])})"
    figure = "count(*)"
    if how in _FIGURES:
        of = _column_name(str(message["of"]), types)
        if not _is_number(types[str(message["of"])]):
            raise InvalidInput(f"{message['of'][:80]!r} has no numbers", remedy="choose a column of numbers")
        figure = f"{_FIGURES[how]}(CAST({of} AS DOUBLE))"
    most = _MOST_MOMENTS if ordered else _MOST_GROUPS
    after = f"{where} GROUP BY 1 ORDER BY {'1 NULLS LAST' if ordered else '2 DESC NULLS LAST, 1'} LIMIT {most + 1}"
    rows = source.select(engine, f"{cell}, {figure}", after=after).fetchall()
    groups = [["" if value is None else value, _finite(number)] for value, number in rows[:most]]
    return {"groups": groups, "more": len(rows) > most}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _is_number(kind: str) -> bool:
    return any(word in kind for word in _NUMBERS)


def _is_moment(kind: str) -> bool:
    return kind == "DATE" or kind.startswith("TIMESTAMP")


def _column_name(column: str, types: dict[str, str]) -> str:
    """Return the quoted name of a column. Raises ``InvalidInput`` if the table does not have it."""
    if column not in types:
        raise InvalidInput(f"the table has no column {column[:80]!r}", remedy=f"use {', '.join(list(types)[:20])}")
    return quote_name(column)


def _condition(cell: str, kind: str, text: str) -> tuple[str, str]:
    """Return the condition for a filter, and its value: ``>5`` and ``<5`` compare, in the order of the column's type
    (both include the value), ``=x`` is the whole cell, and any other text is a part of it."""
    sign, value = text[:1], text[1:].strip()
    if sign in _COMPARED and value:
        if kind == "VARCHAR":
            return f"{cell} {_COMPARED[sign]}= ?", value
        return f"{cell} {_COMPARED[sign]}= TRY_CAST(? AS {kind})", value
    whole = f"coalesce(CAST({cell} AS VARCHAR), '')"
    if sign == "=":
        return f"{whole} = ?", value
    return f"contains(lower({whole}), lower(?))", text
