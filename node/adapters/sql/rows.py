"""Converts between frozen dataclasses and rows with columns of the same names as their fields."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Insert, Row, Table

from node.adapters.sql.statements import TransactionStatements

T = TypeVar("T")


def values(item: Any, **conversions: Any) -> dict[str, Any]:
    """Return the fields of ``item`` as column values; ``conversions`` replaces some and adds others."""
    return {name: getattr(item, name) for name in item.__dataclass_fields__} | conversions


def build(kind: type[T], row: Row[Any], **conversions: Any) -> T:
    """Return a dataclass from the columns with its fields' names; ``conversions`` replaces some."""
    mapping = row._mapping
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: mapping[name] for name in names if name not in conversions}, **conversions)


def add(connection: TransactionStatements, table: Table, row: dict[str, Any]) -> bool:
    """Insert ``row``; return False, with the transaction still usable, if one of its keys exists already."""
    return connection.execute(_insert(table, connection.dialect.name), row).rowcount == 1


def put(connection: TransactionStatements, table: Table, row: dict[str, Any], *, newer: str | None = None) -> None:
    """Insert ``row`` or replace the row with its primary key.

    With ``newer`` the row is replaced only if its column of that name is smaller.
    """
    connection.execute(_upsert(table, connection.dialect.name, tuple(row), newer), row)


def _dialect_insert(table: Table, dialect: str) -> Any:
    # ON CONFLICT has the same syntax on both, but SQLAlchemy has a separate construct for each.
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


@cache
def _insert(table: Table, dialect: str) -> Insert:
    statement: Insert = _dialect_insert(table, dialect).on_conflict_do_nothing().inline()
    return statement.execution_options(preserve_rowcount=True)


@cache
def _upsert(table: Table, dialect: str, columns: tuple[str, ...], newer: str | None) -> Insert:
    statement = _dialect_insert(table, dialect)
    keys = [column.name for column in table.primary_key]
    statement = statement.on_conflict_do_update(
        index_elements=keys,
        set_={name: statement.excluded[name] for name in columns if name not in keys},
        where=table.c[newer] < statement.excluded[newer] if newer else None,
    )
    upsert: Insert = statement.inline()
    return upsert
