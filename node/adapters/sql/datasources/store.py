"""Data sources (``node.datasources.ports.DataSourceStore``)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.datasources import data_sources
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.datasources.model import DataSource

_ONE = select(data_sources).where(data_sources.c.name == bindparam("of"))
_ALL = select(data_sources).order_by(data_sources.c.name)
_DROP = delete(data_sources).where(data_sources.c.name == bindparam("of"))


class SqlDataSourceStore:
    """Data sources by name."""

    def put(self, tx: Transaction, source: DataSource) -> None:
        row = values(source, options=dict(source.options), shown=dict(source.shown))
        put(connection_of(tx), data_sources, row)

    def get(self, tx: Transaction, name: str) -> DataSource | None:
        row = connection_of(tx).execute(_ONE, {"of": name}).one_or_none()
        return None if row is None else build(DataSource, row)

    def all(self, tx: Transaction) -> Sequence[DataSource]:
        return [build(DataSource, row) for row in connection_of(tx).execute(_ALL)]

    def drop(self, tx: Transaction, name: str) -> None:
        connection_of(tx).execute(_DROP, {"of": name})
