"""Rows through one SELECT: rows of a transformation become the table ``data``, and the result becomes rows.

The query was read and checked by ``sql_check`` before, and runs in an engine that reads no files and whose settings
are locked. Functions that give another result each time are refused, so the same rows give the same result. All of
this runs in the cage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import duckdb

from node.adapters.profiles.relations import close_access, connect, engine_errors, quote_name, sql_text
from node.adapters.profiles.sql_check import TABLE, first_line, read_question
from node.adapters.profiles.table_queries import cell_expression, plain_value
from node.base.errors import InvalidInput, TooLarge

MOST_ROWS: Final = 1_000_000
"""Rows that a query may make."""
MOST_BYTES: Final = 60 << 20
"""Bytes of JSON that a query may make."""
_AT_ONCE: Final = 500
_MEMORY: Final = "800MB"
_BIGGEST: Final = 1 << 63
_TYPES: Final[Mapping[str, str]] = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "string": "VARCHAR",
    "array": "JSON",
    "object": "JSON",
}
"""The type of the engine for each type of JSON Schema."""


def caged_select(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``transformations.select``: the rows that ``query`` makes of the rows (JSON) in the one blob.

    Without a blob, ``columns`` (name → types of JSON Schema) describe the rows, and only ``names``, the columns of
    the result, are returned. Raises ``InvalidInput`` and ``TooLarge``.
    """
    query = str(message["query"])
    if not blobs:
        return {"names": names_of_result(query, message["columns"])}, []
    return {}, [json.dumps(select(query, json.loads(blobs[0]))).encode()]


def select(query: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that ``query`` makes of the table ``data``, which has ``rows``.

    Raises ``InvalidInput`` if the query cannot be answered, ``TooLarge`` beyond ``MOST_ROWS`` and ``MOST_BYTES``.
    """
    relation = read_question(query, repeatable=True)
    if not rows:
        return []
    columns = _columns_of(rows)
    try:
        engine = _engine(columns)
        structure = json.dumps([columns])
        text = json.dumps([dict(row) for row in rows])
        engine.execute(
            f"INSERT INTO {TABLE} SELECT unnest(part, max_depth := 1) FROM "  # noqa: S608 - names are quoted
            f"(SELECT unnest(from_json(?, {sql_text(structure)})) AS part)",
            [text],
        )
        close_access(engine)
        return list(_answer(engine, relation))
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except engine_errors() as error:
        raise _refusal(error, columns) from error


def names_of_result(query: str, columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns that ``query`` makes of a table with ``columns``. Raises ``InvalidInput`` if it reads
    others."""
    relation = read_question(query, repeatable=True)
    kinds = {name: _kind_of(types) for name, types in columns.items()}
    _check_names(kinds)
    try:
        engine = _engine(kinds)
        close_access(engine)
        return [str(row[0]) for row in engine.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]  # noqa: S608
    except engine_errors() as error:
        raise _refusal(error, kinds) from error


def _engine(columns: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    engine = connect(memory=_MEMORY)
    engine.execute("SET TimeZone = 'UTC'")
    parts = ", ".join(f"{quote_name(name)} {kind}" for name, kind in columns.items())
    engine.execute(f"CREATE TABLE {TABLE} ({parts})")
    return engine


def _answer(engine: duckdb.DuckDBPyConnection, relation: str) -> Iterable[dict[str, Any]]:
    description = engine.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608 - checked before
    columns = [(str(row[0]), str(row[1])) for row in description]
    names = [name for name, _ in columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"the query makes two columns named {twice[:60]!r}", remedy="name one of them with AS")
    cells = ", ".join(_cell(place, kind) for place, (_, kind) in enumerate(columns, 1))
    query = f"SELECT {cells} FROM {relation} LIMIT {MOST_ROWS + 1}"  # noqa: S608
    cursor = engine.execute(query)
    result: list[dict[str, Any]] = []
    size = 0
    while batch := cursor.fetchmany(_AT_ONCE):
        rows = [
            {name: plain_value(value, kind) for value, (name, kind) in zip(row, columns, strict=True)}
            for row in batch
        ]
        size += len(json.dumps(rows))
        result += rows
        if len(result) > MOST_ROWS or size > MOST_BYTES:
            raise TooLarge(
                f"the query makes more than {MOST_ROWS} rows, or {MOST_BYTES >> 20} MB",
                remedy="write a query that makes fewer rows: look for a join without a condition",
            )
    return result


def _cell(place: int, kind: str) -> str:
    # Rows have figures: a sum of decimals is one, however many digits the engine would keep.
    return f"CAST(#{place} AS DOUBLE)" if kind.startswith("DECIMAL(") else cell_expression(place, kind)


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns of ``rows`` in the order of their first appearance, with types that hold all values."""
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            known = kinds.setdefault(name, set())
            if value is not None:
                known.add(_json_type(value))
    columns = {name: _kind_of(sorted(types)) for name, types in kinds.items()}
    _check_names(columns)
    return columns


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -_BIGGEST <= value < _BIGGEST else "number"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "object"


def _kind_of(types: Iterable[str]) -> str:
    """Return the type for values of these types: text if there is none, or if they have nothing else in common."""
    kinds = {_TYPES.get(name, "VARCHAR") for name in types if name != "null"}
    if kinds == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return kinds.pop() if len(kinds) == 1 else "VARCHAR"


def _check_names(columns: Mapping[str, str]) -> None:
    if not columns:
        raise InvalidInput("the rows have no columns", remedy="give rows with at least one column")
    seen: dict[str, str] = {}
    for name in columns:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InvalidInput(
                f"the columns {other[:60]!r} and {name[:60]!r} are one name in SQL",
                remedy="rename one of them with a column mapping first",
            )
        if not name:
            raise InvalidInput("a column has no name", remedy="give each column a name")


def _refusal(error: Exception, columns: Mapping[str, str]) -> InvalidInput:
    names = ", ".join(quote_name(column) for column in list(columns)[:20])
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        return InvalidInput(
            f"the query cannot be answered: {first_line(error)}", remedy=f"the columns of {TABLE}: {names}"
        )
    return InvalidInput(f"the query failed while it ran: {first_line(error)}", remedy="correct the query")
