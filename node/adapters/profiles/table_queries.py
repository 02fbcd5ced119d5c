"""The function for questions in SQL that runs in the cage: one question to a part of a table.

A table of its own is made of the part that the asker may have, and then all files are closed: what is left out is not
there. Only a whole Parquet file is read where it is, by an engine that may read this file only. Either way the
question was checked before (``sql_check``), and runs in an engine whose settings are locked.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# Loaded once, by the process from which children are forked: loading takes longer than most questions.
import duckdb

from node.adapters.profiles.answers.parquet import PLACE, AnswerFile, join_file, parquet_answer
from node.adapters.profiles.answers.texts import CsvAnswer, JsonAnswer, refuse_wide_row
from node.adapters.profiles.concealed_columns import conceal, forms_of
from node.adapters.profiles.data_files import LINES, kind_of, open_source
from node.adapters.profiles.relations import (
    Source,
    close_access,
    connect,
    engine_errors,
    quote_name,
    sql_text,
)
from node.adapters.profiles.rows import sources_of
from node.adapters.profiles.sql_check import TABLE, first_line, read_question
from node.base.errors import InvalidInput
from node.policy.portion import RowCondition

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SIGNS: Final = {"eq": "=", "neq": "<>", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_INTEGERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_PLAIN: Final = frozenset({"BOOLEAN", "FLOAT", "DOUBLE", *_INTEGERS, *(f"U{name}" for name in _INTEGERS)})
_NUMBERS: Final = _PLAIN - {"BOOLEAN"}
_NESTED: Final = ("STRUCT", "MAP", "UNION", "JSON", "VARIANT")
_EXACT: Final = 15
"""Digits of a decimal number that a JSON number keeps in every language."""
_PART: Final = ("path", "name", "columns", "rows", "forms", "group", "key")
"""The members of a message that name one part of a file."""
_AT_ONCE: Final = 200
_MEMORY: Final = "800MB"


def ask(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``table.query``: the answer to ``sql`` about the table at ``path``, which was called ``name``.

    ``columns`` (None: all), ``rows``, ``forms``, ``group`` and ``key`` are the part that the asker may have;
    ``form`` is ``json``, ``csv`` or ``parquet``;
    ``most_rows`` and ``most_bytes`` bound the answer. Raises ``InvalidInput`` for a question that cannot be answered,
    with the fact ``ran`` if the table was read.
    """
    question = read_question(str(message["sql"]))
    table = open_table(message)
    try:
        facts, body = _answer(table, question, message)
    except duckdb.OutOfMemoryException as error:
        forget()
        raise MemoryError from error
    except engine_errors() as error:
        forget()
        raise _refusal(error, table, message) from error
    return facts, [body]


@dataclass(slots=True)
class OpenTable:
    """A table that can be asked. ``partial``: lines that do not fit it are left out.

    ``file`` is what ``engine`` may write. ``geometry`` names the column with the places of a layer (empty: none), as
    text, and ``crs`` their system (empty: unknown). ``features`` is the table that a question to features has made of
    it."""

    engine: DuckDBPyConnection
    file: AnswerFile
    columns: tuple[str, ...]
    partial: bool
    geometry: str = ""
    crs: str = ""
    features: Any = None


_cache: list[tuple[str, OpenTable]] = []
"""The table of the last question: a child that stays is only ever asked about the same part of the same file."""


def forget() -> None:
    """Close the table of the last question."""
    while _cache:
        _cache.pop()[1].engine.close()


def open_table(message: dict[str, Any]) -> OpenTable:
    """Return the table of a question; with the member ``crs``, the places of a layer are brought into this system.
    Raises ``InvalidInput`` if the file is none, or lacks columns of the part."""
    key = json.dumps([*(message[name] for name in _PART), message.get("crs", "")])
    if _cache and _cache[0][0] == key:
        return _cache[0][1]
    forget()
    path = Path(message["path"])
    if kind_of(path) != LINES:
        _cache.append((key, _layer_table(path, message)))
        return _cache[0][1]
    sources = sources_of(path, str(message["name"]))
    cause: Exception | None = None
    for number, source in enumerate(sources):
        engine = connect(memory=_MEMORY)
        file = join_file(engine)
        try:
            columns = _fill(engine, source, message)
        except duckdb.OutOfMemoryException as error:
            raise MemoryError from error
        except engine_errors() as error:
            engine.close()
            cause = error
            continue
        except BaseException:
            engine.close()
            raise
        table = OpenTable(engine, file, columns, partial=len(sources) > 1 and number == len(sources) - 1)
        _cache.append((key, table))
        return table
    raise InvalidInput("the table cannot be read", remedy="ask the provider to publish it again") from cause


def _layer_table(path: Path, message: dict[str, Any]) -> OpenTable:
    """Return the part of a layer or a sheet as a table; geometries are text (WKT). Raises ``InvalidInput``."""
    engine = connect(memory=_MEMORY)
    file = join_file(engine)
    engine.execute("SET TimeZone = 'UTC'")
    name = str(message["name"])
    try:
        with open_source(engine, path, name, attempt=0, crs=message.get("crs", ""), stated_crs="") as source:
            geometry, crs = source.geometry, source.crs
            types = {**source.types, **({source.geometry: "VARCHAR"} if source.geometry else {})}
            cells = [
                f"ST_AsText({quote_name(column)}) AS {quote_name(column)}"
                if column == source.geometry
                else quote_name(column)
                for column in types
            ]
            relation = f"(SELECT {', '.join(cells)} FROM {source.relation})"  # noqa: S608 - names are quoted
            columns, statement, _ = _statement(relation, types, message)
            engine.execute(f"CREATE TABLE {TABLE} AS {statement}")
    except InvalidInput as error:
        engine.close()
        detail = error.detail.replace(str(path), name)
        raise InvalidInput(detail, remedy="ask the provider for another format") from error
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except engine_errors() as error:
        engine.close()
        raise InvalidInput("the table cannot be read", remedy="ask the provider to publish it again") from error
    engine.execute(f"SET allowed_paths = [{sql_text(PLACE)}]")
    close_access(engine)
    return OpenTable(engine, file, tuple(columns), False, geometry if geometry in columns else "", crs)


def _fill(engine: DuckDBPyConnection, source: Source, message: dict[str, Any]) -> tuple[str, ...]:
    """Make the part a table of ``engine``, then close all else to it; return its columns."""
    engine.execute("SET TimeZone = 'UTC'")
    relation = source.to_literals()
    description = engine.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608 - ours
    types = {str(row[0]): str(row[1]) for row in description}
    columns, statement, is_whole = _statement(relation, types, message)
    if source.relation.startswith("read_parquet") and is_whole:
        engine.execute(f"SET allowed_paths = [{sql_text(message['path'])}, {sql_text(PLACE)}]")
        engine.execute(f"CREATE VIEW {TABLE} AS {statement}")
    else:
        # Not a view: a question that casts a column would change how a table of text is read.
        engine.execute(f"CREATE TABLE {TABLE} AS {statement}")
        engine.execute(f"SET allowed_paths = [{sql_text(PLACE)}]")
    close_access(engine)
    return tuple(columns)


def _statement(relation: str, types: dict[str, str], message: dict[str, Any]) -> tuple[list[str], str, bool]:
    """Return the columns of the part, the statement that makes it, and whether it is the whole. Raises
    ``InvalidInput`` if the table lacks a column that the part is about."""
    columns, conditions = part_of(message, types)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    forms, group = forms_of(message, types)
    statement = f"SELECT {', '.join(map(quote_name, columns))} FROM {relation}{where}"  # noqa: S608 - see part_of
    if forms or group is not None:
        statement = conceal(f"SELECT * FROM {relation}{where}", columns, types, forms, group)  # noqa: S608
    return columns, statement, not where and not forms and group is None and len(columns) == len(types)


def part_of(message: dict[str, Any], types: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the columns of the part, and its conditions in SQL. Raises ``InvalidInput`` if the table lacks a column
    that the part is about: then nothing is given."""
    shown = message["columns"]
    columns = [column for column in types if shown is None or column in shown]
    rows = [RowCondition(*row) for row in message["rows"]]
    if not columns or any(row.column not in types for row in rows):
        raise InvalidInput(
            "the table does not have the columns of the part that the agreement gives",
            remedy="ask the provider for a new offer",
        )
    return columns, [condition_of_row(row, types[row.column]) for row in rows]


def condition_of_row(row: RowCondition, kind: str) -> str:
    """Return a condition for rows, compared as the type of its column; none of the rows meets it if the value is of
    another type."""
    cell, sign, value = quote_name(row.column), _SIGNS[row.operator], sql_text(row.value)
    stem = kind.partition("(")[0]
    if stem in _NUMBERS or stem == "DECIMAL":
        exact = "DOUBLE" if stem in ("FLOAT", "DOUBLE") else "DECIMAL(38, 9)"
        return f"TRY_CAST({cell} AS {exact}) {sign} TRY_CAST({value} AS {exact})"
    if stem in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        return f"CAST({cell} AS TIMESTAMP WITH TIME ZONE) {sign} TRY_CAST({value} AS TIMESTAMP WITH TIME ZONE)"
    return f"CAST({cell} AS VARCHAR) {sign} {value}"


def _answer(table: OpenTable, question: str, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    describing = table.engine.execute(f"DESCRIBE SELECT * FROM {question}")  # noqa: S608 - checked before
    columns = [(str(row[0]), str(row[1])) for row in describing.fetchall()]
    if message["form"] == "parquet":
        count, more, body = parquet_answer(table.engine, table.file, question, columns, message)
        return _facts(table, columns, count, more=more), body
    cells = ", ".join(cell_expression(place, kind) for place, (_, kind) in enumerate(columns, 1))
    most = int(message["most_rows"])
    cursor = table.engine.execute(f"SELECT {cells} FROM {question} LIMIT {most + 1}")  # noqa: S608 - checked before
    sheet = CsvAnswer() if message["form"] == "csv" else JsonAnswer()
    sheet.begin(columns)
    count, more = 0, False
    while not more and (rows := cursor.fetchmany(_AT_ONCE)):
        for row in rows:
            line = sheet.line([plain_value(value, kind) for value, (_, kind) in zip(row, columns, strict=True)])
            if not count and most and len(line) > int(message["most_bytes"]):
                raise refuse_wide_row(int(message["most_bytes"]))
            if count == most or sheet.size + len(line) > int(message["most_bytes"]):
                more = True
                break
            sheet.add(line)
            count += 1
    facts = _facts(table, columns, count, more=more)
    return facts, sheet.end(facts)


def _facts(table: OpenTable, columns: list[tuple[str, str]], count: int, *, more: bool) -> dict[str, Any]:
    return {
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "rowCount": count,
        "more": more,
        "partial": table.partial,
    }


def cell_expression(place: int, kind: str) -> str:
    """Return the expression that brings a column out as a plain value or as text."""
    stem = kind.partition("(")[0]
    if stem in _PLAIN and not kind.endswith("]"):
        return f"#{place}"
    if kind.endswith("]") or stem in _NESTED:
        return f"CAST(to_json(#{place}) AS VARCHAR)"
    if stem == "DECIMAL" and int(kind.partition("(")[2].partition(",")[0]) <= _EXACT:
        return f"CAST(#{place} AS DOUBLE)"
    return f"base64(#{place})" if stem == "BLOB" else f"CAST(#{place} AS VARCHAR)"


def plain_value(value: Any, kind: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if not isinstance(value, str):
        return value
    if kind.endswith("]") or kind.partition("(")[0] in _NESTED:
        return json.loads(value, parse_constant=str)
    if kind.startswith("TIMESTAMP"):
        # As ISO 8601 has it.
        moment = value.replace(" ", "T", 1)
        return f"{moment}:00" if kind.endswith("ZONE") and moment[-3:-2] in ("+", "-") else moment
    return value


def _refusal(error: Exception, table: OpenTable, message: dict[str, Any]) -> InvalidInput:
    """Return the engine's complaint in its own words, which may quote the question and the part, but no path."""
    detail = first_line(error).replace(message["path"], str(message["name"]))
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        names = ", ".join(quote_name(column) for column in table.columns[:20])
        return InvalidInput(f"the query cannot be answered: {detail}", remedy=f"the columns of {TABLE}: {names}")
    return InvalidInput(f"the query failed while it ran: {detail}", remedy="correct the query", facts={"ran": True})
