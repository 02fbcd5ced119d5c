"""Transfers, grants and receptions (``node.transfer.ports``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, text, update

from node.adapters.sql.processes import SqlProcessStore
from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.processes import transfer_messages, transfers
from node.adapters.sql.schema.transfer import UNFINISHED, conversions, deletions, grants, receptions
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.dialogue.process import Role
from node.transfer.conversions.model import Conversion
from node.transfer.deletion.model import Deletion
from node.transfer.model import AccessGrant, Reception, Transfer

_BY_TOKEN = select(grants).where(grants.c.token_sha256 == bindparam("token"))
_BY_TRANSFER = select(grants).where(grants.c.transfer == bindparam("of"))
_OPEN_VERSIONS = select(grants.c.version).where(grants.c.dataset == bindparam("of"), ~grants.c.closed).distinct()
_CLOSE = update(grants).where(grants.c.transfer == bindparam("of")).values(closed=True)
_COUNT = update(grants).where(grants.c.transfer == bindparam("of")).values(accesses=grants.c.accesses + 1)
_CONVERSION = select(conversions).where(conversions.c.key == bindparam("of"))
_DELETION = select(deletions).where(deletions.c.agreement == bindparam("of"))
_RECEPTION = select(receptions).where(receptions.c.transfer == bindparam("of"))
_NEWEST = (
    select(receptions)
    .order_by(receptions.c.at.desc(), receptions.c.transfer)
    .limit(bindparam("most"))
    .offset(bindparam("skipped"))
)
_UNDER = (
    select(receptions)
    .join(transfers, transfers.c.pid == receptions.c.transfer)
    .where(transfers.c.agreement == bindparam("of"), transfers.c.role == str(Role.CONSUMER))
    .order_by(transfers.c.created.desc(), transfers.c.ordinal.desc())
)
_UNFINISHED = select(receptions).where(text(UNFINISHED)).order_by(receptions.c.at, receptions.c.transfer)


class SqlTransferStore(SqlProcessStore[Transfer]):
    """Transfer processes and their messages."""

    def __init__(self) -> None:
        super().__init__(Transfer, transfers, transfer_messages)

    def under(
        self, tx: Transaction, agreement: str, *, apart_from: Collection[str] = (), limit: int | None = None
    ) -> Sequence[Transfer]:
        columns = transfers.c
        statement = select(transfers).where(columns.agreement == agreement)
        if apart_from:
            statement = statement.where(columns.state.not_in(sorted(apart_from)))
        statement = statement.order_by(columns.created.desc(), columns.ordinal.desc()).limit(limit)
        return [self._process(row) for row in connection_of(tx).execute(statement)]


class SqlGrantStore:
    """Grants, one for each transfer, findable by the hash of their token."""

    def put(self, tx: Transaction, grant: AccessGrant) -> None:
        put(connection_of(tx), grants, values(grant))

    def by_token(self, tx: Transaction, token_sha256: str) -> AccessGrant | None:
        row = connection_of(tx).execute(_BY_TOKEN, {"token": token_sha256}).one_or_none()
        return None if row is None else build(AccessGrant, row)

    def by_transfer(self, tx: Transaction, transfer: str) -> AccessGrant | None:
        row = connection_of(tx).execute(_BY_TRANSFER, {"of": transfer}).one_or_none()
        return None if row is None else build(AccessGrant, row)

    def close(self, tx: Transaction, transfer: str) -> None:
        connection_of(tx).execute(_CLOSE, {"of": transfer})

    def open_versions(self, tx: Transaction, dataset: str) -> frozenset[int]:
        return frozenset(row.version for row in connection_of(tx).execute(_OPEN_VERSIONS, {"of": dataset}))

    def count_access(self, tx: Transaction, transfer: str) -> None:
        connection_of(tx).execute(_COUNT, {"of": transfer})


class SqlConversionStore:
    """Files that were made for consumers, one row for each order."""

    def put(self, tx: Transaction, conversion: Conversion) -> None:
        put(connection_of(tx), conversions, values(conversion))

    def get(self, tx: Transaction, key: str) -> Conversion | None:
        row = connection_of(tx).execute(_CONVERSION, {"of": key}).one_or_none()
        return None if row is None else build(Conversion, row)

    def since(self, tx: Transaction, moment: datetime) -> Sequence[Conversion]:
        rows = connection_of(tx).execute(select(conversions).where(conversions.c.at >= moment))
        return [build(Conversion, row) for row in rows]

    def forget(self, tx: Transaction, before: datetime) -> None:
        connection_of(tx).execute(delete(conversions).where(conversions.c.at < before))


class SqlReceptionStore:
    """Store of what has arrived so far, one row for each transfer."""

    def put(self, tx: Transaction, reception: Reception) -> None:
        put(connection_of(tx), receptions, values(reception))

    def get(self, tx: Transaction, transfer: str) -> Reception | None:
        row = connection_of(tx).execute(_RECEPTION, {"of": transfer}).one_or_none()
        return None if row is None else build(Reception, row)

    def under(self, tx: Transaction, agreement: str) -> Sequence[Reception]:
        return [build(Reception, row) for row in connection_of(tx).execute(_UNDER, {"of": agreement})]

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Reception]:
        rows = connection_of(tx).execute(_NEWEST, {"most": limit, "skipped": offset})
        return [build(Reception, row) for row in rows]

    def unfinished_receptions(self, tx: Transaction) -> Sequence[Reception]:
        return [build(Reception, row) for row in connection_of(tx).execute(_UNFINISHED)]


class SqlDeletionStore:
    """Confirmations of deletion, the newest for each agreement."""

    def put(self, tx: Transaction, deletion: Deletion) -> None:
        put(connection_of(tx), deletions, values(deletion))

    def get(self, tx: Transaction, agreement: str) -> Deletion | None:
        row = connection_of(tx).execute(_DELETION, {"of": agreement}).one_or_none()
        return None if row is None else build(Deletion, row)
