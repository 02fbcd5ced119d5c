"""Checks of harvested data in memory (``node.catalogue.measurement.data_checks.DataCheckStore``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from node.base.work import Transaction
from node.catalogue.measurement.data_checks import DataCheck, DataState
from tests.fakes.stores.work import memory


class MemoryDataCheckStore:
    """Checks by dataset, address and schema."""

    def save(self, tx: Transaction, check: DataCheck) -> None:
        memory(tx).put("data_checks", (check.iri, check.address, check.schema), check)

    def of(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, Sequence[DataCheck]]:
        checks: dict[str, list[DataCheck]] = {}
        for key, check in sorted(memory(tx).rows("data_checks").items()):
            if key[0] in iris:
                checks.setdefault(key[0], []).append(check)
        return checks

    def keep(self, tx: Transaction, iri: str, pairs: Collection[tuple[str, str]]) -> None:
        for key in [key for key in memory(tx).rows("data_checks") if key[0] == iri and key[1:] not in pairs]:
            memory(tx).drop("data_checks", key)

    def listing(
        self, tx: Transaction, *, state: DataState | None = None, after: str = "", limit: int = 100
    ) -> Sequence[DataCheck]:
        rows = sorted(memory(tx).rows("data_checks").items())
        return [check for key, check in rows if key[0] > after and state in (None, check.state)][:limit]

    def counts(self, tx: Transaction) -> Mapping[DataState, int]:
        return Counter(check.state for check in memory(tx).rows("data_checks").values())

    def latest(self, tx: Transaction) -> datetime | None:
        return max((check.at for check in memory(tx).rows("data_checks").values()), default=None)
