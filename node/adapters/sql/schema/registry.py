"""The registry of all tables, and how their key of order and their partial indexes are declared.

Values that are looked up have a column; values that are only stored are JSON or bytes. ``ordinal`` is the order in
which rows were written. Names of columns are the names of the fields in the rooms. A change to a table needs a
migration (``migrations/versions``); a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, MetaData, event
from sqlalchemy.engine import Connection

from node.adapters.sql.columns import Ordinal

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_conditions: dict[Index, Any] = {}
"""Partial indexes of PostgreSQL → their conditions."""


def ordinal() -> Column[int]:
    """Return the key of a table whose rows are read in the order in which they were written."""
    return Column("ordinal", Ordinal, primary_key=True, autoincrement=True)


def partial_index(name: str, *columns: Column[Any], where: Any, postgresql_where: Any = None) -> None:
    """Add an index over the rows that fit ``where``; PostgreSQL may need another spelling of the condition."""
    index = Index(name, *columns, sqlite_where=where)
    _conditions[index] = where if postgresql_where is None else postgresql_where


@event.listens_for(metadata, "before_create")
def _condition_indexes(_: MetaData, connection: Connection, **__: Any) -> None:
    # Not set where the index is made: an option of PostgreSQL's loads its dialect, also at nodes that never use it.
    if connection.dialect.name == "postgresql":
        for index, condition in _conditions.items():
            index.dialect_options["postgresql"]["where"] = condition
