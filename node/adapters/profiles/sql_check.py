"""Checks a question in SQL before it runs: one query, over the one table, with known functions.

The engine itself reads the text, and its reading is checked, not the text. What is run is what was checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from node.adapters.profiles.relations import close_access, connect, engine_errors
from node.adapters.profiles.sql_words import (
    CHANGING,
    EXPRESSIONS,
    FORMS,
    FUNCTIONS,
    OPERATORS,
    TABLE_FUNCTIONS,
)
from node.base.errors import InvalidInput

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE: Final = "data"
"""The name of the table in every question."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_OWN: Final = ("duckdb_", "pg_", "pragma_", "sqlite_", "information_schema")
"""The beginnings of the names of the engine's own tables: no table of a question may hide behind such a name."""
_DEEPEST: Final = 200
_REMEDY: Final = f"ask one SELECT over the table {TABLE}, such as: SELECT * FROM {TABLE} LIMIT 10"  # noqa: S608 - for people


def read_question(sql: str, *, repeatable: bool = False) -> str:
    """Return the relation that a question stands for, as a part of a statement. Raises ``InvalidInput`` for what is
    no single query, names another table or calls a function that is not allowed; if it is to be ``repeatable``, also
    for a function that gives another result each time."""
    parts = _check(sql.strip())
    if repeatable:
        _check_repeatable(parts)
    # A comment at the end must not hide the bracket, nor a bracket in the text end it: the whole is checked again.
    relation = f"(\n{sql.strip().rstrip('; ').rstrip()}\n)"
    _check(f"SELECT * FROM {relation}")  # noqa: S608 - checked, not run
    return relation


@cache
def _reader() -> DuckDBPyConnection:
    """Return an engine that has no table and reads nothing but the text of questions."""
    engine = connect()
    close_access(engine)
    return engine


def _check(sql: str) -> list[Mapping[str, Any]]:
    """Return the parts of a query that may be asked. Raises ``InvalidInput`` for any other."""
    try:
        row = _reader().execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    except engine_errors() as error:
        raise InvalidInput(f"the query cannot be read: {first_line(error)}", remedy=_REMEDY) from error
    assert row is not None
    try:
        tree = json.loads(row[0])
    except RecursionError as error:
        raise InvalidInput("the query is nested too deeply", remedy="write it in fewer levels") from error
    if tree["error"]:
        if tree.get("error_type") == "not implemented":
            raise InvalidInput("a question is one SELECT: nothing else is carried out", remedy=_REMEDY)
        raise InvalidInput(f"the query cannot be read: {str(tree.get('error_message'))[:300]}", remedy=_REMEDY)
    statements = tree["statements"]
    if len(statements) != 1:
        raise InvalidInput(f"the query has {len(statements)} statements instead of one", remedy=_REMEDY)
    parts = list(_parts(statements[0], 0))
    tables = {TABLE, *_own_tables(parts)}
    for part in parts:
        _check_part(part, tables)
    return parts


def _check_repeatable(parts: list[Mapping[str, Any]]) -> None:
    for part in parts:
        name = str(part.get("function_name") or "").lower()
        if part.get("class") == "COLUMN_REF" and len(part.get("column_names") or ()) == 1:
            # The engine reads CURRENT_DATE as the name of a column.
            name = str(part["column_names"][0]).lower()
        if name in CHANGING or (name == "age" and len(part.get("children") or ()) == 1):
            raise InvalidInput(
                f"{name.upper()} gives another result each time",
                remedy="leave it out: the same rows must give the same result",
            )


def _parts(value: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Yield each object of the reading."""
    if depth > _DEEPEST:
        raise InvalidInput("the query is nested too deeply", remedy="write it in fewer levels")
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _parts(item, depth + 1)


def _own_tables(parts: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of tables that a question defines for itself (WITH)."""
    for part in parts:
        names = [entry.get("key") for entry in (part.get("cte_map") or {}).get("map", ())]
        if part.get("type") in ("RECURSIVE_CTE_NODE", "CTE_NODE"):
            names.append(part.get("cte_name", part.get("ctename")))
        for name in names:
            text = str(name).lower()
            if not _NAME.fullmatch(text) or text.startswith(_OWN):
                raise InvalidInput(
                    f"a table of a query cannot be called {str(name)[:60]!r}",
                    remedy="use letters, digits and _ in names after WITH",
                )
            yield text


def _check_part(part: Mapping[str, Any], tables: set[str]) -> None:
    form, expression = part.get("type"), part.get("class")
    if isinstance(expression, str):
        if expression == "PARAMETER":
            raise InvalidInput("a question has no parameters", remedy="write the values into the query")
        if expression not in EXPRESSIONS:
            raise _forbidden(f"expressions of the kind {expression}")
    elif isinstance(form, str) and form not in FORMS and not form.endswith("_TYPE_INFO"):
        raise _forbidden(form.removesuffix("_NODE").replace("_", " "))
    if form == "TABLE_FUNCTION":
        _check_function(part["function"], TABLE_FUNCTIONS)
    elif isinstance(part.get("function_name"), str):
        _check_function(part, FUNCTIONS | OPERATORS | TABLE_FUNCTIONS)
    if form == "SHOW_REF" and (not part.get("query") or part.get("table_name")):
        raise _forbidden("SHOW")
    if form == "BASE_TABLE":
        name = str(part.get("table_name", ""))
        if part.get("schema_name") or part.get("catalog_name") or part.get("at_clause") or name.lower() not in tables:
            raise InvalidInput(f"there is no table {name[:60]!r}", remedy=f"the table is called {TABLE}")


def _check_function(call: Mapping[str, Any], names: frozenset[str]) -> None:
    name = str(call.get("function_name", ""))
    if call.get("schema") or call.get("catalog") or name not in names:
        raise InvalidInput(
            f"the function {name[:60]!r} cannot be used in a question",
            remedy="questions may calculate, compare, group and sort; they read no files, settings or addresses",
        )


def _forbidden(what: str) -> InvalidInput:
    return InvalidInput(f"a question may not use {what[:60]}", remedy=_REMEDY)


def first_line(error: Exception) -> str:
    """Return the first line of the engine's message, without the text of the query below it."""
    return str(error).partition("\n")[0].strip()[:300]
