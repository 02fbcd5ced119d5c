"""Checks of harvested data (``node.catalogue.measurement.data_checks.DataCheckStore``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, select

from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.links import data_checks
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.catalogue.measurement.data_checks import DataCheck, DataState

_CHUNK: Final = 200
_ORDER = (data_checks.c.iri, data_checks.c.address, data_checks.c.schema)
_OF = select(data_checks).where(data_checks.c.iri.in_(bindparam("iris", expanding=True))).order_by(*_ORDER)
_LISTING = (
    select(data_checks).where(data_checks.c.iri > bindparam("after")).order_by(*_ORDER).limit(bindparam("most"))
)
_IN_STATE = data_checks.c.state == bindparam("in_state")
_COUNTS = select(data_checks.c.state, func.count().label("number")).group_by(data_checks.c.state)
_LATEST = select(func.max(data_checks.c.at).label("at"))
_DROP = delete(data_checks).where(
    data_checks.c.iri == bindparam("of"), data_checks.c.key.not_in(bindparam("keys", expanding=True))
)


class SqlDataCheckStore:
    """Checks by the hash of dataset, address and schema."""

    def save(self, tx: Transaction, check: DataCheck) -> None:
        key = _key(check.iri, check.address, check.schema)
        breaches = json.dumps([dict(breach) for breach in check.breaches])
        put(connection_of(tx), data_checks, values(check, key=key, state=str(check.state), breaches=breaches))

    def of(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, Sequence[DataCheck]]:
        checks: dict[str, list[DataCheck]] = {}
        ordered = list(iris)
        for first in range(0, len(ordered), _CHUNK):
            for row in connection_of(tx).execute(_OF, {"iris": ordered[first : first + _CHUNK]}):
                checks.setdefault(row.iri, []).append(_check(row))
        return checks

    def keep(self, tx: Transaction, iri: str, pairs: Collection[tuple[str, str]]) -> None:
        keys = [_key(iri, *pair) for pair in pairs]
        connection_of(tx).execute(_DROP, {"of": iri, "keys": keys})

    def listing(
        self, tx: Transaction, *, state: DataState | None = None, after: str = "", limit: int = 100
    ) -> Sequence[DataCheck]:
        statement, place = _LISTING, dict[str, Any](after=after, most=limit)
        if state is not None:
            statement, place["in_state"] = statement.where(_IN_STATE), str(state)
        return [_check(row) for row in connection_of(tx).execute(statement, place)]

    def counts(self, tx: Transaction) -> Mapping[DataState, int]:
        return {DataState(row.state): int(row.number) for row in connection_of(tx).execute(_COUNTS)}

    def latest(self, tx: Transaction) -> datetime | None:
        at: datetime | None = connection_of(tx).execute(_LATEST).one().at
        return at


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", errors="surrogatepass")).hexdigest()


def _check(row: Any) -> DataCheck:
    return build(DataCheck, row, state=DataState(row.state), breaches=tuple(json.loads(row.breaches)))
