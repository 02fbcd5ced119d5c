"""The register of data sources in memory."""

from __future__ import annotations

from collections.abc import Sequence

from node.base.work import Transaction
from node.datasources.model import DataSource
from tests.fakes.stores.work import memory


class MemoryDataSourceStore:
    """Data sources by name."""

    def put(self, tx: Transaction, source: DataSource) -> None:
        memory(tx).put("data_sources", source.name, source)

    def get(self, tx: Transaction, name: str) -> DataSource | None:
        return memory(tx).rows("data_sources").get(name)

    def all(self, tx: Transaction) -> Sequence[DataSource]:
        return sorted(memory(tx).rows("data_sources").values(), key=lambda source: source.name)

    def drop(self, tx: Transaction, name: str) -> None:
        if name in memory(tx).rows("data_sources"):
            memory(tx).drop("data_sources", name)
